// The forward pass over packed rows.
//
// Each thread owns whole sequences, so that none waits for another. The products of the input are taken for a block of steps at once
// (they wait for nothing); then each step accumulates its recurrent products in place and hands the tile to the pointwise functions.
#pragma once

#include "memory.h"
#include "product.h"

namespace {

// The lanes of a phase as the kernel lays them out: groups of `unit` blocks of one vector each, in a group lane by lane. A phase of
// few lanes takes several blocks together, so that a tile has work for all accumulators.
template <class T> struct Phase {
  int first, lanes;
  int64_t unit, groups, row;  // row: elements per row, padded so that rows do not fall on the same cache sets
  T* bias;                    // one row
};

template <class T> struct Pass {
  Range range;
  int64_t K;
  T* packed;  // [groups][K][lanes * unit][W]
};

template <class T> struct Forward {
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>;
  // How far the products of the input run ahead: bytes of lanes, a part of the second-level cache, but so many rows at least that
  // reading the weights once for all of them costs no more than the lanes' own way to memory and back.
  static constexpr int64_t kAhead = 256 * 1024, kAheadRows = 192;

  const PeepholeRun& run;
  const CellTable& cell;
  Arena arena;
  Sizes<T> sizes;
  Phase<T> phase[kMax];
  Pass<T> pass[kMax];
  int passes;
  T* projection = nullptr;  // [groups of 4][H][4][W]
  int64_t threads, ahead;
  const T* parameter[kMax];

  explicit Forward(const PeepholeRun& run)
      : run(run), cell(*static_cast<const CellTable*>(run.cell)), sizes(arena, run) {
    threads = Threads<T>(run, cell);
    int64_t row_bytes = 0;
    for (int p = 0; p < cell.phases; ++p) {
      Phase<T>& at = phase[p];
      at.first = cell.first_lane[p];
      at.lanes = cell.first_lane[p + 1] - at.first;
      at.unit = at.lanes == 0 || at.lanes > 2 ? 1 : kMaxVectors / at.lanes;
      at.groups = (sizes.blocks + at.unit - 1) / at.unit;
      at.row = at.lanes * sizes.padded + W;
      at.bias = arena.Zeros<T>(at.row);
      row_bytes += at.row * static_cast<int64_t>(sizeof(T));
    }
    Range ranges[kMax];
    passes = FindRanges(cell, true, ranges);
    for (int k = 0; k < passes; ++k) {
      pass[k].range = ranges[k];
      pass[k].K = sizes.SourceWidth(cell.source[ranges[k].source]);
      pass[k].packed = arena.Get<T>(pass[k].K * ranges[k].lanes * sizes.padded);
    }
    for (int v = 0; v < cell.vectors; ++v)
      parameter[v] = As<T>(run.parameter[cell.vector[v].parameter]) + cell.vector[v].part * sizes.H;
    if (run.weight_hr != nullptr) projection = arena.Get<T>(sizes.H * RoundUp(sizes.P, W));
    ahead = kAhead / row_bytes < kAheadRows ? kAheadRows : kAhead / row_bytes;
  }

  int64_t InGroup(const Phase<T>& p, int64_t g) const {
    const int64_t rest = sizes.blocks - g * p.unit;
    return rest < p.unit ? rest : p.unit;
  }

  // W rows of a matrix, from `first`, become column vectors: out[k * step + e] = w[first + e][k]; rows beyond the last are zero.
  static void Transpose(const T* w, int64_t rows, int64_t K, int64_t first, T* out, int64_t step) {
    const int64_t real = rows - first < W ? rows - first : W;
    if (real < W)
      for (int64_t k = 0; k < K; ++k) std::memset(out + k * step, 0, W * sizeof(T));
    int64_t k = 0;
    if (real == W) {
      for (; k + W <= K; k += W) {
        V block[W];
        for (int64_t e = 0; e < W; ++e) block[e] = Load<V, true>(w + (first + e) * K + k, W);
        TransposeBlock(block);
        for (int64_t e = 0; e < W; ++e) Store<true>(out + (k + e) * step, block[e], W);
      }
    }
    for (; k < K; ++k)
      for (int64_t e = 0; e < real; ++e) out[k * step + e] = w[(first + e) * K + k];
  }

  // Packing is cut into jobs, one per group of a pass, and one more each for the biases and the projection.
  int64_t PackJobs() const {
    int64_t jobs = 0;
    for (int k = 0; k < passes; ++k) jobs += phase[pass[k].range.phase].groups;
    return jobs + 1 + (projection != nullptr);
  }

  void Pack(int64_t job) const {
    for (int k = 0; k < passes; ++k) {
      const Pass<T>& ps = pass[k];
      const Phase<T>& p = phase[ps.range.phase];
      if (job < p.groups) {
        const int64_t units = InGroup(p, job), step = ps.range.lanes * units * W;
        T* out = ps.packed + job * p.unit * ps.range.lanes * ps.K * W;
        for (int l = 0; l < ps.range.lanes; ++l) {
          const T* weight = WeightOf<T>(run, cell.product[ps.range.product[l]], ps.K);
          for (int64_t u = 0; u < units; ++u)
            Transpose(weight, sizes.H, ps.K, (job * p.unit + u) * W, out + (l * units + u) * W, step);
        }
        return;
      }
      job -= p.groups;
    }
    if (job == 0) return PackBias();
    for (int64_t g = 0; g * kMaxVectors * W < sizes.P; ++g) {
      const int64_t left = (sizes.P - g * kMaxVectors * W + W - 1) / W, units = left < kMaxVectors ? left : kMaxVectors;
      for (int64_t u = 0; u < units; ++u)
        Transpose(As<T>(run.weight_hr), sizes.P, sizes.H, (g * kMaxVectors + u) * W,
                  projection + g * kMaxVectors * W * sizes.H + u * W, units * W);
    }
  }

  void PackBias() const {
    if (run.bias_ih == nullptr) return;
    for (int k = 0; k < cell.products; ++k) {
      const Product& product = cell.product[k];
      if (product.array > 1) continue;
      const T* bias = As<T>(product.array == 0 ? run.bias_ih : run.bias_hh) + product.block * sizes.H;
      int q = 0;
      while (cell.first_lane[q + 1] <= product.lane) ++q;
      const Phase<T>& p = phase[q];
      for (int64_t unit = 0; unit < sizes.H; ++unit) {
        const int64_t block = unit / W, g = block / p.unit, units = InGroup(p, g);
        const int64_t lane = g * p.unit * p.lanes + (product.lane - p.first) * units + block % p.unit;
        p.bias[lane * W + unit % W] += bias[unit];
      }
    }
  }

  // What one thread needs; made before the threads start, so that running out of memory is one error in one place.
  struct Scratch {
    Share share;
    int64_t rows;               // that the lanes hold
    T* lanes[kMax];             // [phases][rows][row]
    const T** x;                // [rows]
    int64_t* row;               // [rows] packed row
    const T** prev[kMax];       // [states][count]
    T** state[kMax];
    T* rolling[kMax];           // [states][2][count][padded] for states that nobody stores
    const T** source[kMax];     // [sources][count]
    T* masked[kMax];            // [sources][count][.] where a mask is applied
    T* kept[kMax];
    T* operand[kMax];
    T** output;                 // [count]
  };

  Scratch MakeScratch(int64_t thread) {
    Scratch s;
    s.share = Share(arena, run.steps == 0 ? 0 : run.batch_sizes[0], threads, thread);
    const int64_t count = s.share.count;
    int64_t total = 0;
    for (int64_t k = 0; k < run.steps && total < count + ahead; ++k) total += s.share.count;
    s.rows = total;
    for (int p = 0; p < cell.phases; ++p) s.lanes[p] = arena.template Get<T>(s.rows * phase[p].row);
    s.x = arena.template Get<const T*>(s.rows);
    s.row = arena.template Get<int64_t>(s.rows);
    s.output = arena.template Get<T*>(count);
    for (int k = 0; k < cell.states; ++k) {
      s.prev[k] = arena.template Get<const T*>(count);
      s.state[k] = arena.template Get<T*>(count);
      s.rolling[k] = arena.template Get<T>(2 * count * sizes.padded);
    }
    for (int k = 0; k < cell.sources; ++k) {
      s.source[k] = arena.template Get<const T*>(count);
      s.masked[k] = run.mask != nullptr && cell.source[k].masked
                        ? arena.template Get<T>(count * sizes.SourceWidth(cell.source[k])) : nullptr;
    }
    for (int k = 0; k < cell.kept; ++k) s.kept[k] = arena.template Get<T>(count * sizes.padded);
    for (int k = 0; k < cell.operands; ++k) s.operand[k] = arena.template Get<T>(count * sizes.padded);
    return s;
  }

  void RunThread(Scratch& s) const {
    const Share& share = s.share;
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < share.count; ++i)
        s.prev[k][i] = As<T>(run.state[k]) + share.n[i] * sizes.StateWidth(k);
    int64_t alive = 0, step = 0;
    while (step < run.steps) {
      // A block of steps whose rows the lanes hold; at least one.
      int64_t rows = 0, end = step, count = alive;
      for (; end < run.steps; ++end) {
        const int64_t t = run.reverse ? run.steps - 1 - end : end;
        count = share.Alive(run.batch_sizes[t], count);
        if (end > step && rows + count > s.rows) break;
        for (int64_t i = 0; i < count; ++i) {
          s.row[rows + i] = sizes.offset[t] + share.n[i];
          s.x[rows + i] = As<T>(run.x) + s.row[rows + i] * run.x_stride;
        }
        rows += count;
      }
      InputProducts(s, rows);
      int64_t at = 0;
      for (; step < end; ++step) {
        alive = share.Alive(run.batch_sizes[run.reverse ? run.steps - 1 - step : step], alive);
        Step(s, at, alive, step);
        at += alive;
      }
    }
    if (run.final_state == nullptr) return;
    for (int k = 0; k < cell.states; ++k) {
      if (run.final_state[k] == nullptr) continue;
      const int64_t width = sizes.StateWidth(k);
      for (int64_t i = 0; i < share.count; ++i)
        std::memcpy(As<T>(run.final_state[k]) + share.n[i] * width, s.prev[k][i], width * sizeof(T));
    }
  }

  void InputProducts(const Scratch& s, int64_t rows) const {
    for (int q = 0; q < cell.phases; ++q) {
      const Phase<T>& p = phase[q];
      for (int64_t g = 0; g < p.groups; ++g) {
        const int64_t units = InGroup(p, g), start = g * p.unit * p.lanes * W;
        bool filled[kMax] = {};
        for (int k = 0; k < passes; ++k) {
          const Range& range = pass[k].range;
          if (range.phase != q || cell.source[range.source].kind != 0) continue;
          const int64_t first = start + (range.first - p.first) * units * W;
          bool again = false;
          for (int l = 0; l < range.lanes; ++l) again |= filled[range.first - p.first + l];
          if (again)  // lanes filled in part: the rest of them needs its bias before all are added to
            for (int l = 0; l < range.lanes; ++l)
              if (!filled[range.first - p.first + l]) FillBias(s, q, g, range.first - p.first + l, rows);
          for (int l = 0; l < range.lanes; ++l) filled[range.first - p.first + l] = true;
          TileProduct<T> t;
          t.a_step = 1;
          t.w = pass[k].packed + g * p.unit * range.lanes * pass[k].K * W;
          t.w_step = range.lanes * units * W;
          t.count = pass[k].K;
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

  void FillBias(const Scratch& s, int q, int64_t g, int l, int64_t rows) const {
    const Phase<T>& p = phase[q];
    const int64_t units = InGroup(p, g), first = (g * p.unit * p.lanes + l * units) * W;
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(s.lanes[q] + r * p.row + first, p.bias + first, units * W * sizeof(T));
  }

  // Rows of a recurrent source: the operand itself, or times the mask.
  void SetSource(const Scratch& s, int k, int64_t alive, const T* const* rows) const {
    const int64_t width = sizes.SourceWidth(cell.source[k]);
    for (int64_t i = 0; i < alive; ++i) {
      s.source[k][i] = rows[i];
      if (s.masked[k] == nullptr) continue;
      T* to = s.masked[k] + i * width;
      const T* mask = As<T>(run.mask) + s.share.n[i] * sizes.P;
      for (int64_t e = 0; e < width; ++e) to[e] = rows[i][e] * mask[e];
      s.source[k][i] = to;
    }
  }

  void Step(const Scratch& s, int64_t at, int64_t alive, int64_t step) const {
    const int64_t* row = s.row + at;
    ForwardTile<T> tile = {};
    T* slot[kMax];
    for (int k = 0; k < cell.slots; ++k) slot[k] = As<T>(run.slot[k]);
    for (int k = 0; k < cell.states; ++k) {
      const bool direct = k == 0 && run.weight_hr == nullptr;
      T*& stored = slot[cell.state_slot[k]];
      T* const base = direct ? As<T>(run.output) : stored;
      T* const rolling = s.rolling[k] + (step & 1) * s.share.count * sizes.padded;
      for (int64_t i = 0; i < alive; ++i)
        s.state[k][i] = base != nullptr ? base + row[i] * sizes.H : rolling + i * sizes.padded;
      if (base == stored) stored = nullptr;
    }
    for (int k = 0; k < cell.sources; ++k)
      if (cell.source[k].kind == 1) SetSource(s, k, alive, s.prev[cell.source[k].index]);
    tile.width = sizes.H;
    tile.slot = slot;
    tile.held = reinterpret_cast<const T* const*>(run.held);
    tile.parameter = parameter;
    tile.scratch_row = sizes.padded;
    for (int q = 0; q < cell.phases; ++q) {
      RunPhase(s, q, at, alive, tile);
      for (int k = 0; k < cell.sources; ++k) {
        const Source& source = cell.source[k];
        if (source.kind != 2 || cell.operand_phase[source.index] != q) continue;
        const T** rows = const_cast<const T**>(s.source[k]);
        for (int64_t i = 0; i < alive; ++i) rows[i] = s.operand[source.index] + i * sizes.padded;
        SetSource(s, k, alive, rows);
      }
    }
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < alive; ++i) s.prev[k][i] = s.state[k][i];
    if (run.weight_hr != nullptr) Project(s, row, alive);
  }

  void RunPhase(const Scratch& s, int q, int64_t at, int64_t alive, const ForwardTile<T>& common) const {
    const Phase<T>& p = phase[q];
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
    for (int64_t g = 0; g < p.groups; ++g) {
      const int64_t units = InGroup(p, g), start = g * p.unit * p.lanes * W;
      for (int64_t part = 0; part < chunks.parts; ++part) {
        const int64_t i = chunks.Begin(part), rows = chunks.Begin(part + 1) - i;
        T* const lanes = s.lanes[q] + (at + i) * p.row + start;
        for (int k = 0; k < passes; ++k) {
          const Range& range = pass[k].range;
          if (range.phase != q || cell.source[range.source].kind == 0) continue;
          TileProduct<T> t;
          t.a_step = 1;
          t.w = pass[k].packed + g * p.unit * range.lanes * pass[k].K * W;
          t.w_step = range.lanes * units * W;
          t.count = pass[k].K;
          t.to = lanes + (range.first - p.first) * units * W;
          t.from = t.to;
          t.from_row = t.to_row = p.row;
          const T* const* a = s.source[range.source] + i;
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

  void Project(const Scratch& s, const int64_t* row, int64_t alive) const {
    for (int64_t i = 0; i < alive; ++i) s.output[i] = As<T>(run.output) + row[i] * sizes.P;
    for (int64_t first = 0; first < sizes.P; first += kMaxVectors * W) {
      const int64_t units = sizes.P - first < kMaxVectors * W ? sizes.P - first : kMaxVectors * W;
      TileProduct<T> t;
      t.a_step = 1;
      t.w = projection + first * sizes.H;
      t.w_step = RoundUp(units, W);
      t.count = sizes.H;
      MultiplyToRows(alive, units, [&](int64_t r) { return s.state[0][r]; }, t,
                     [&](int64_t r, const T* in) { std::memcpy(s.output[r] + first, in, units * sizeof(T)); });
    }
    for (int64_t i = 0; i < alive; ++i) s.prev[0][i] = s.output[i];
  }
};

template <class T> void RunForward(const PeepholeRun& run) {
  typedef typename Forward<T>::Scratch Scratch;
  Forward<T> forward(run);
  struct Context {
    Forward<T>* forward;
    Scratch* scratch;
    int64_t jobs;
  } context{&forward, forward.arena.template Get<Scratch>(forward.threads), forward.PackJobs()};
  for (int64_t k = 0; k < forward.threads; ++k) context.scratch[k] = forward.MakeScratch(k);
  peephole_parallel(forward.threads, [](void* p, int64_t part) {
    Context& c = *static_cast<Context*>(p);
    for (int64_t job = part; job < c.jobs; job += c.forward->threads) c.forward->Pack(job);
  }, &context);
  peephole_parallel(forward.threads, [](void* p, int64_t part) {
    Context& c = *static_cast<Context*>(p);
    c.forward->RunThread(c.scratch[part]);
  }, &context);
  // Sequences of length zero: their states are what they were.
  if (run.final_state == nullptr) return;
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  for (int k = 0; k < forward.cell.states; ++k) {
    if (run.final_state[k] == nullptr) continue;
    const int64_t width = forward.sizes.StateWidth(k);
    if (run.batch > alive)
      std::memcpy(As<T>(run.final_state[k]) + alive * width, As<T>(run.state[k]) + alive * width,
                  (run.batch - alive) * width * sizeof(T));
  }
}

}  // namespace
