// The forward pass over packed rows.
//
// Threads own whole sequences, so that none waits for another; or, where there are too few sequences or too many weights, units of
// every sequence, and meet after each phase of a step (work.h says when). The products of the input are taken for a block of steps
// at once, since they wait for nothing; then each step adds its recurrent products in place and hands the tile to the pointwise
// functions. Every sum is taken in the same order, however the work is dealt: the same bits for any number of threads.
#pragma once

#include "layout.h"

namespace {

template <class S> struct Forward {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>;
  static constexpr bool kRounds = !std::is_same<S, T>::value;  // h is stored with fewer bits than it is computed with
  // How far the products of the input run ahead: bytes of lanes, a part of the second-level cache, but so many rows at least that
  // reading the weights once for all of them costs no more than the lanes' own way to memory and back.
  static constexpr int64_t kAhead = 256 * 1024, kAheadRows = 192;

  const PeepholeRun& run;
  const CellTable& cell;
  Arena arena;
  Sizes<S> sizes;
  Layout<S> layout;
  Deal deal;
  int64_t ahead;
  const T* parameter[kMax];

  explicit Forward(const PeepholeRun& run)
      : run(run), cell(*static_cast<const CellTable*>(run.cell)), arena(WeightBytes<S>(run, cell)), sizes(arena, run),
        layout(run, cell, sizes, arena),
        deal(DealWork(run, cell, sizeof(F))) {
    SetParameters<S>(run, cell, arena, parameter);
    ahead = kAhead / layout.RowBytes() < kAheadRows ? kAheadRows : kAhead / layout.RowBytes();
  }

  // What one thread needs; made before the threads start, so that running out of memory is one error in one place.
  struct Scratch {
    Place place;
    Share share;
    int64_t rows;            // that the lanes hold
    int64_t* row;            // [rows] packed row
    const F** x;             // [rows]
    const S** h;             // [count] h before the step, as it is stored
    const T** prev[kMax];    // [states][count] states before the step, as the equations see them
    T** state[kMax];         // [states][count] after it
    const F** source[kMax];  // [sources][count]
    T* line[2];              // one row each
    const F** raw;           // [count] h before projection
    // Shared by the threads that share columns.
    T* lanes[kMax];          // [phases][rows][row]
    T* rolling[kMax];        // [states][2][count][padded] for states that nobody stores
    F* copied[kMax];         // [sources][rows or count][width] of sources that cannot be multiplied where they lie
    T* kept[kMax];
    T* operand[kMax];
    F* unprojected;          // [count][H]
  };

  int64_t FactorWidth(int k) const { return RoundUp(sizes.SourceWidth(cell.source[k]), kP); }

  bool IsCopied(int k) const {
    const Source& source = cell.source[k];
    const bool is_stored = source.kind == 0 || (source.kind == 1 && source.index == 0);  // as S, otherwise as T
    return !(is_stored ? std::is_same<S, F>::value : std::is_same<T, F>::value) ||
           sizes.SourceWidth(source) % kP != 0 || (run.mask != nullptr && source.masked);
  }

  Scratch MakeScratch(int64_t thread, const Scratch* first) {
    Scratch s = first == nullptr ? Scratch() : *first;
    const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
    s.share = deal.columns ? Share(arena, alive, 1, 0) : Share(arena, alive, deal.threads, thread);
    const int64_t count = s.share.count;
    s.rows = 0;
    for (int64_t k = 0; k < run.steps && s.rows < count + ahead; ++k) s.rows += count;
    s.row = arena.template Get<int64_t>(s.rows);
    s.x = arena.template Get<const F*>(s.rows);
    s.h = arena.template Get<const S*>(count);
    int64_t widest = sizes.H;
    for (int k = 0; k < cell.sources; ++k) {
      s.source[k] = arena.template Get<const F*>(count);
      widest = FactorWidth(k) > widest ? FactorWidth(k) : widest;
    }
    for (T*& line : s.line) line = arena.template Get<T>(widest);
    s.raw = arena.template Get<const F*>(count);
    for (int k = 0; k < cell.states; ++k) {
      s.prev[k] = arena.template Get<const T*>(count);
      s.state[k] = arena.template Get<T*>(count);
    }
    if (deal.columns && first != nullptr) return s;
    for (int p = 0; p < cell.phases; ++p) s.lanes[p] = arena.template Get<T>(s.rows * layout.phase[p].row);
    for (int k = 0; k < cell.states; ++k) s.rolling[k] = arena.template Get<T>(2 * count * sizes.padded);
    for (int k = 0; k < cell.sources; ++k)
      s.copied[k] = IsCopied(k) ? arena.template Get<F>((cell.source[k].kind == 0 ? s.rows : count) * FactorWidth(k)) : nullptr;
    for (int k = 0; k < cell.kept; ++k) s.kept[k] = arena.template Get<T>(count * sizes.padded);
    for (int k = 0; k < cell.operands; ++k) s.operand[k] = arena.template Get<T>(count * sizes.padded);
    s.unprojected = run.weight_hr == nullptr ? nullptr : arena.template Get<F>(count * RoundUp(sizes.H, kP));
    return s;
  }

  int64_t BatchSize(int64_t step) const { return run.batch_sizes[run.reverse ? run.steps - 1 - step : step]; }

  void RunThread(Scratch& s) const {
    const Share& share = s.share;
    for (int64_t i = 0; i < share.count; ++i) s.h[i] = As<S>(run.state[0]) + share.n[i] * sizes.P;
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < share.count; ++i)
        if constexpr (kRounds) {
          if (k == 0) {
            if (run.weight_hr != nullptr) break;  // h enters through products alone
            T* start = s.rolling[0] + (share.count + i) * sizes.padded;
            if (s.place.id == 0) Convert(s.h[i], sizes.H, start);
            s.prev[0][i] = start;
            continue;
          }
          s.prev[k][i] = As<T>(run.state[k]) + share.n[i] * sizes.H;
        } else {
          s.prev[k][i] = As<T>(run.state[k]) + share.n[i] * sizes.StateWidth(k);
        }
    if (kRounds) s.place.Wait();
    int64_t alive = 0, step = 0;
    while (step < run.steps) {
      // A block of steps whose rows the lanes hold; at least one.
      int64_t rows = 0, end = step, count = alive;
      for (; end < run.steps; ++end) {
        count = share.Alive(BatchSize(end), count);
        if (end > step && rows + count > s.rows) break;
        const int64_t first = sizes.offset[run.reverse ? run.steps - 1 - end : end];
        for (int64_t i = 0; i < count; ++i) s.row[rows + i] = first + share.n[i];
        rows += count;
      }
      InputProducts(s, rows);
      int64_t at = 0;
      for (; step < end; ++step) {
        alive = share.Alive(BatchSize(step), alive);
        Step(s, at, alive, step);
        at += alive;
      }
    }
    if (run.final_state == nullptr || s.place.id != 0) return;
    for (int k = 0; k < cell.states; ++k) {
      if (run.final_state[k] == nullptr) continue;
      for (int64_t i = 0; i < share.count; ++i)
        if (k == 0)
          std::memcpy(static_cast<void*>(As<S>(run.final_state[0]) + share.n[i] * sizes.P), s.h[i], sizes.P * sizeof(S));
        else
          std::memcpy(As<T>(run.final_state[k]) + share.n[i] * sizes.H, s.prev[k][i], sizes.H * sizeof(T));
    }
  }

  // Rows of a source as factors: where they lie, or copied, with the mask of recurrent dropout applied.
  template <class R, class At> void SetSource(const Scratch& s, int k, int64_t count, const At& at, const F** to) const {
    const int64_t width = sizes.SourceWidth(cell.source[k]), step = FactorWidth(k);
    const bool is_masked = run.mask != nullptr && cell.source[k].masked;
    if (s.copied[k] == nullptr) {
      if constexpr (std::is_same<R, F>::value)
        for (int64_t i = 0; i < count; ++i) to[i] = at(i);
      return;
    }
    for (int64_t i = 0; i < count; ++i) to[i] = s.copied[k] + i * step;
    for (int64_t i = s.place.Begin(count); i < s.place.End(count); ++i) {
      F* const out = s.copied[k] + i * step;
      if (is_masked) {
        Convert(at(i), width, s.line[0]);
        Convert(As<S>(run.mask) + s.share.n[i] * sizes.P, width, s.line[1]);
        for (int64_t e = 0; e < width; ++e) s.line[0][e] *= s.line[1][e];
        Convert(s.line[0], width, out);
      } else {
        Convert(at(i), width, out);
      }
      if (width % kP != 0) std::memset(static_cast<void*>(out + width), 0, sizeof(F));
    }
    s.place.Wait();
  }

  void InputProducts(const Scratch& s, int64_t rows) const {
    const auto x = [&](int64_t r) { return As<S>(run.x) + s.row[r] * run.x_stride; };
    for (int k = 0; k < cell.sources; ++k)
      if (cell.source[k].kind == 0) SetSource<S>(s, k, rows, x, s.x);
    for (int q = 0; q < cell.phases; ++q) {
      const Phase<T>& p = layout.phase[q];
      for (int64_t g = s.place.Begin(p.groups); g < s.place.End(p.groups); ++g) {
        const int64_t units = layout.InGroup(p, g), start = g * p.unit * p.lanes * W;
        bool filled[kMax] = {};
        for (int k = 0; k < layout.passes; ++k) {
          const Range& range = layout.pass[k].range;
          if (range.phase != q || cell.source[range.source].kind != 0) continue;
          const int64_t first = start + (range.first - p.first) * units * W;
          bool again = false;
          for (int l = 0; l < range.lanes; ++l) again |= filled[range.first - p.first + l];
          if (again)  // lanes filled in part: the rest of them needs its bias before all are added to
            for (int l = 0; l < range.lanes; ++l)
              if (!filled[range.first - p.first + l]) FillBias(s, q, g, range.first - p.first + l, rows);
          for (int l = 0; l < range.lanes; ++l) filled[range.first - p.first + l] = true;
          TileProduct<F> t = Product(k, g, units);
          t.to = s.lanes[q] + first;
          t.to_row = p.row;
          t.from = again ? t.to : p.bias + first;
          t.from_row = again ? p.row : 0;
          MultiplyRows(rows, range.lanes * units, [&](int64_t r) { return s.x[r]; }, t);
        }
        for (int l = 0; l < p.lanes; ++l)
          if (!filled[l]) FillBias(s, q, g, l, rows);
      }
    }
  }

  TileProduct<F> Product(int k, int64_t g, int64_t units) const {
    TileProduct<F> t;
    t.w = layout.Weights(k, g);
    t.w_step = layout.pass[k].range.lanes * units * W * kP;
    t.count = layout.pass[k].pairs;
    return t;
  }

  void FillBias(const Scratch& s, int q, int64_t g, int l, int64_t rows) const {
    const Phase<T>& p = layout.phase[q];
    const int64_t units = layout.InGroup(p, g), first = (g * p.unit * p.lanes + l * units) * W;
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(s.lanes[q] + r * p.row + first, p.bias + first, units * W * sizeof(T));
  }

  void Step(const Scratch& s, int64_t at, int64_t alive, int64_t step) const {
    const int64_t* row = s.row + at;
    ForwardTile<T> tile = {};
    T* slot[kMax];
    for (int k = 0; k < cell.slots; ++k) slot[k] = As<T>(run.slot[k]);
    for (int k = 0; k < cell.states; ++k) {
      T*& stored = slot[cell.state_slot[k]];
      T* base = stored;
      if (k == 0 && run.weight_hr == nullptr && !kRounds) base = As<T>(run.output);
      T* const rolling = s.rolling[k] + (step & 1) * s.share.count * sizes.padded;
      for (int64_t i = 0; i < alive; ++i)
        s.state[k][i] = base != nullptr ? base + row[i] * sizes.H : rolling + i * sizes.padded;
      if (base == stored) stored = nullptr;
    }
    for (int k = 0; k < cell.sources; ++k) {
      const Source& source = cell.source[k];
      if (source.kind != 1) continue;
      if (source.index == 0) SetSource<S>(s, k, alive, [&](int64_t i) { return s.h[i]; }, s.source[k]);
      else SetSource<T>(s, k, alive, [&](int64_t i) { return s.prev[source.index][i]; }, s.source[k]);
    }
    tile.width = sizes.H;
    tile.slot = slot;
    tile.held = reinterpret_cast<const T* const*>(run.held);
    tile.parameter = parameter;
    tile.scratch_row = sizes.padded;
    for (int q = 0; q < cell.phases; ++q) {
      RunPhase(s, q, at, alive, tile);
      s.place.Wait();
      for (int k = 0; k < cell.sources; ++k) {
        const Source& source = cell.source[k];
        if (source.kind == 2 && cell.operand_phase[source.index] == q)
          SetSource<T>(s, k, alive, [&](int64_t i) { return s.operand[source.index] + i * sizes.padded; }, s.source[k]);
      }
    }
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < alive; ++i) s.prev[k][i] = s.state[k][i];
    for (int64_t i = 0; i < alive; ++i) s.h[i] = As<S>(run.output) + row[i] * sizes.P;
    if (run.weight_hr != nullptr) return Project(s, alive);
    if constexpr (kRounds) {
      for (int64_t i = s.place.Begin(alive); i < s.place.End(alive); ++i)
        Convert(s.state[0][i], sizes.H, const_cast<S*>(s.h[i]));
      s.place.Wait();
    }
  }

  void RunPhase(const Scratch& s, int q, int64_t at, int64_t alive, const ForwardTile<T>& common) const {
    const Phase<T>& p = layout.phase[q];
    const Function<ForwardTile<T>>* function = FunctionsOf<T>(cell).forward[q];
    const Split chunks(alive, kRowsTogether);
    const T* const* prev[kMax];
    T* const* state[kMax];
    T *kept[kMax], *operand[kMax];
    ForwardTile<T> tile = common;
    tile.prev = prev;
    tile.state = state;
    tile.kept = kept;
    tile.operand = operand;
    for (int64_t g = s.place.Begin(p.groups); g < s.place.End(p.groups); ++g) {
      const int64_t units = layout.InGroup(p, g), start = g * p.unit * p.lanes * W;
      for (int64_t part = 0; part < chunks.parts; ++part) {
        const int64_t i = chunks.Begin(part), rows = chunks.Begin(part + 1) - i;
        T* const lanes = s.lanes[q] + (at + i) * p.row + start;
        for (int k = 0; k < layout.passes; ++k) {
          const Range& range = layout.pass[k].range;
          if (range.phase != q || cell.source[range.source].kind == 0) continue;
          TileProduct<F> t = Product(k, g, units);
          t.to = lanes + (range.first - p.first) * units * W;
          t.from = t.to;
          t.from_row = t.to_row = p.row;
          const F* const* a = s.source[range.source] + i;
          MultiplyRows(rows, range.lanes * units, [&](int64_t r) { return a[r]; }, t);
        }
        tile.rows = rows;
        tile.row = s.row + at + i;
        tile.lanes_row = p.row;
        tile.lane = units * W;
        for (int k = 0; k < cell.states; ++k) {
          prev[k] = s.prev[k] + i;
          state[k] = s.state[k] + i;
        }
        for (int k = 0; k < cell.kept; ++k) kept[k] = s.kept[k] + i * sizes.padded;
        for (int k = 0; k < cell.operands; ++k) operand[k] = s.operand[k] + i * sizes.padded;
        for (int64_t u = 0; u < units; ++u) {
          tile.first = (g * p.unit + u) * W;
          tile.count = sizes.H - tile.first < W ? sizes.H - tile.first : W;
          tile.lanes = lanes + u * W;
          function[tile.count == W](tile);
        }
      }
    }
  }

  // h becomes W_hr times what the equations compute.
  void Project(const Scratch& s, int64_t alive) const {
    const int64_t width = RoundUp(sizes.H, kP);
    for (int64_t i = 0; i < alive; ++i) {
      if constexpr (std::is_same<T, F>::value) {
        s.raw[i] = s.state[0][i];
      } else {
        s.raw[i] = s.unprojected + i * width;
        if (i < s.place.Begin(alive) || i >= s.place.End(alive)) continue;
        Convert(s.state[0][i], sizes.H, s.unprojected + i * width);
        if (sizes.H < width) std::memset(static_cast<void*>(s.unprojected + i * width + sizes.H), 0, sizeof(F));
      }
    }
    if (!std::is_same<T, F>::value) s.place.Wait();
    constexpr int64_t kGroup = kMaxVectors * W;
    const int64_t groups = (sizes.P + kGroup - 1) / kGroup;
    for (int64_t g = s.place.Begin(groups); g < s.place.End(groups); ++g) {
      const int64_t first = g * kGroup, units = sizes.P - first < kGroup ? sizes.P - first : kGroup;
      TileProduct<F> t;
      t.w = layout.projection + first * width;
      t.w_step = RoundUp(units, W) * kP;
      t.count = width / kP;
      MultiplyToRows(alive, units, [&](int64_t r) { return s.raw[r]; }, t,
                     [&](int64_t r, const T* in) { Convert(in, units, const_cast<S*>(s.h[r]) + first); });
    }
    s.place.Wait();
  }
};

}  // namespace
