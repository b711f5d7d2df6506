// Gradients of weights, biases and inputs: large products over a block of rows, added up in a fixed order.
#pragma once

#include "outer.h"

namespace {

// The rows of a block of steps, in the order in which the steps were taken.
template <class S> struct BlockRows {
  typedef Real<S> T;
  typedef Factor<S> F;
  int64_t* row;            // packed row
  int64_t* n;              // sequence
  const S** h;             // h before the step, as it is stored
  const T** prev[kMax];    // [states] states before the step, as the equations see them
  T* operand[kMax];        // [operands][.][padded]
  T* d_lanes;              // [.][lanes_row]
  F* factors;              // the same as factors; d_lanes itself where it is of that type
  T* d_output;             // [.][P padded] with projection: gradient of h
};

template <class S> struct Gradients {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>, kGroup = OuterProducts<S>::kGroup;

  const PeepholeRun& run;
  const PeepholeGradients& want;
  const CellTable& cell;
  const Sizes<S>& sizes;
  int64_t lanes_row;
  Range range[kMax];
  F* packed[kMax];  // [groups of 4 vectors of the source][lanes * H][.]; null where nobody wants the source's gradient
  int ranges;

  Gradients(const PeepholeRun& run, const PeepholeGradients& want, const CellTable& cell, const Sizes<S>& sizes, Arena& arena)
      : run(run), want(want), cell(cell), sizes(sizes), lanes_row(RoundUp(cell.lanes * sizes.H, W * kP) + W * kP) {
    ranges = FindRanges(cell, false, range);
    for (int k = 0; k < ranges; ++k) {
      const Source& source = cell.source[range[k].source];
      const bool wanted = source.kind != 0 || want.d_x != nullptr;
      packed[k] = wanted ? arena.Zeros<F>(RoundUp(range[k].lanes * sizes.H, kP) * RoundUp(sizes.SourceWidth(source), W)) : nullptr;
    }
  }

  // What one thread adds up; in a split by columns, what all do.
  struct Sums : OuterProducts<S> {
    T* d_parameter[kMax];   // [vectors][padded]
    T* of_block[kMax];      // [vectors][padded] of this block of rows; the pointwise functions add to it
    T* d_bias[kMax];        // [lanes][padded]
    T* d_weight[kMax];      // [products][H][weight_row]: the caller's own array where that will do
    int64_t weight_row[kMax];
    bool is_output[kMax];
    T* d_projection;        // [P][padded]
    T* real[2];
  };

  void* ArrayOf(const Product& p) const {
    return p.array == 0 ? want.d_weight_ih : p.array == 1 ? want.d_weight_hh : want.d_parameter[p.array - 2];
  }

  bool IsOnlyOne(int p) const {
    for (int k = 0; k < cell.products; ++k)
      if (k != p && cell.product[k].array == cell.product[p].array && cell.product[k].block == cell.product[p].block) return false;
    return true;
  }

  bool WantsWeights() const {
    bool any = false;
    for (int k = 0; k < cell.products; ++k) any |= ArrayOf(cell.product[k]) != nullptr;
    return any || (run.weight_hr != nullptr && want.d_weight_hr != nullptr);
  }

  int64_t Widest() const {
    int64_t widest = sizes.H;
    for (int k = 0; k < cell.sources; ++k) {
      const int64_t width = sizes.SourceWidth(cell.source[k]);
      widest = width > widest ? width : widest;
    }
    return RoundUp(widest, W) + W;  // the last vector keeps rows off the same cache sets
  }

  // The lines are the thread's own even where the rest is shared.
  void MakeLines(Arena& arena, Sums& s) const {
    for (F*& line : s.line) line = arena.Get<F>(Widest());
    for (T*& line : s.real) line = arena.Get<T>(Widest());
  }

  Sums MakeSums(Arena& arena, int64_t rows, bool is_first) const {
    Sums s = {};
    for (int k = 0; k < cell.vectors; ++k) {
      s.d_parameter[k] = arena.Zeros<T>(sizes.padded);
      s.of_block[k] = arena.Zeros<T>(sizes.padded);
    }
    for (int k = 0; k < cell.lanes; ++k) s.d_bias[k] = arena.Zeros<T>(sizes.padded);
    for (int k = 0; k < cell.products; ++k) {
      T* const array = As<T>(ArrayOf(cell.product[k]));
      if (array == nullptr) continue;
      const int64_t width = sizes.SourceWidth(cell.source[cell.product[k].source]);
      s.is_output[k] = is_first && std::is_same<S, T>::value && width % W == 0 && IsOnlyOne(k);
      s.weight_row[k] = RoundUp(width, W);
      s.d_weight[k] = s.is_output[k] ? array + cell.product[k].block * sizes.H * width
                                     : arena.Get<T>(sizes.H * s.weight_row[k]);
    }
    if (run.weight_hr != nullptr) s.d_projection = arena.Get<T>(sizes.P * sizes.padded);
    if (!WantsWeights()) return s;
    s.turned_row = RoundUp(rows, W * kP) + W * kP;  // whole cache lines, and off the same cache sets
    s.turned = arena.Get<F>((cell.lanes * sizes.H > sizes.P ? cell.lanes * sizes.H : sizes.P) * s.turned_row);
    s.gathered = arena.Get<F>(RoundUp(rows, kDepth<F>) * Widest());
    return s;
  }

  // Rows of a matrix, cut into groups of at most 4 vectors: out[group][row][.], zero beyond `width`; rows in pairs.
  static void PackGroups(const S* w, int64_t rows, int64_t width, int64_t row, int64_t all_rows, F* out) {
    for (int64_t first = 0; first < width; first += kGroup) {
      const int64_t units = width - first < kGroup ? width - first : kGroup, step = RoundUp(units, W) * kP;
      F* const group = out + first * RoundUp(all_rows, kP);
      for (int64_t r = 0; r < rows; ++r) {
        F* const to = group + (row + r) / kP * step + (row + r) % kP;
        const S* const from = w + r * width + first;
        if constexpr (kP == 1) Convert(from, units, to);
        else
          for (int64_t e = 0; e < units; ++e) to[e * kP] = from[e];
      }
    }
  }

  void Pack(int product) const {
    for (int k = 0; k < ranges; ++k)
      for (int l = 0; l < range[k].lanes; ++l)
        if (range[k].product[l] == product && packed[k] != nullptr) {
          const int64_t width = sizes.SourceWidth(cell.source[range[k].source]);
          PackGroups(WeightOf<S>(run, cell.product[product], width), sizes.H, width, l * sizes.H, range[k].lanes * sizes.H, packed[k]);
        }
  }

  // Rows of lane gradients times the weights of a range: what the lanes ask of its source.
  TileProduct<F> Asked(int q, int64_t first, int64_t units) const {
    const int64_t count = RoundUp(range[q].lanes * sizes.H, kP);
    TileProduct<F> t;
    t.w = packed[q] + first * count;
    t.w_step = RoundUp(units, W) * kP;
    t.count = count / kP;
    return t;
  }

  // The large products over a block of rows, all of whose lane gradients are known.
  void Add(const Place& place, const Sums& s, const BlockRows<S>& b, int64_t rows, bool is_first) const {
    const int64_t begin = place.Begin(sizes.blocks) * W, end = place.End(sizes.blocks) * W < sizes.H ? place.End(sizes.blocks) * W : sizes.H;
    // A block's sums are taken by themselves, so that long sequences lose little.
    T* const sum = s.real[0];
    for (int l = 0; l < cell.lanes; ++l) {
      for (int64_t e = begin; e < end; ++e) sum[e] = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const T* d = b.d_lanes + r * lanes_row + l * sizes.H;
        for (int64_t e = begin; e < end; ++e) sum[e] += d[e];
      }
      for (int64_t e = begin; e < end; ++e) s.d_bias[l][e] += sum[e];
    }
    for (int v = 0; v < cell.vectors; ++v)
      for (int64_t e = begin; e < end; ++e) {
        s.d_parameter[v][e] += s.of_block[v][e];
        s.of_block[v][e] = 0;
      }
    if (want.d_x != nullptr) InputGradient(place, b, rows);
    if (WantsWeights()) {
      for (int l = 0; l < cell.lanes; ++l)
        s.TurnFactors(b.factors + l * sizes.H, lanes_row, rows, begin, end, s.turned + l * sizes.H * s.turned_row, s.turned_row);
      for (int k = 0; k < cell.sources; ++k) {
        bool wanted = false;
        for (int p = 0; p < cell.products; ++p) wanted |= cell.product[p].source == k && s.d_weight[p] != nullptr;
        if (!wanted) continue;
        Gather(place, s, b, k, rows);
        place.Wait();
        const int64_t width = sizes.SourceWidth(cell.source[k]);
        for (int p = 0; p < cell.products; ++p)
          if (cell.product[p].source == k && s.d_weight[p] != nullptr)
            s.AddOuter(s.turned + (cell.product[p].lane * sizes.H + begin) * s.turned_row, end - begin, width, rows,
                  s.d_weight[p] + begin * s.weight_row[p], s.weight_row[p], is_first);
        place.Wait();
      }
      if (run.weight_hr != nullptr && want.d_weight_hr != nullptr) {
        const T* const raw = As<T>(run.slot[cell.state_slot[0]]);
        const int64_t first = place.Begin(sizes.P), last = place.End(sizes.P);
        s.Turn(b.d_output, RoundUp(sizes.P, W), rows, first, last, s.turned, s.turned_row);
        s.GatherRows(place, rows, sizes.H, [&](int64_t r, F* to) { Convert(raw + b.row[r] * sizes.H, sizes.H, to); });
        place.Wait();
        s.AddOuter(s.turned + first * s.turned_row, last - first, sizes.H, rows, s.d_projection + first * sizes.padded,
              sizes.padded, is_first);
      }
    }
    place.Wait();
  }

  void Gather(const Place& place, const Sums& s, const BlockRows<S>& b, int k, int64_t rows) const {
    const Source& source = cell.source[k];
    const int64_t width = sizes.SourceWidth(source);
    const bool is_masked = run.mask != nullptr && source.masked;
    s.GatherRows(place, rows, width, [&](int64_t r, F* to) {
      const S* stored = source.kind == 0 ? As<S>(run.x) + b.row[r] * run.x_stride : b.h[r];
      const T* real = source.kind == 2 ? b.operand[source.index] + r * sizes.padded : b.prev[source.index][r];
      const bool is_stored = source.kind == 0 || (source.kind == 1 && source.index == 0);
      if (!is_masked) return is_stored ? Convert(stored, width, to) : Convert(real, width, to);
      is_stored ? Convert(stored, width, s.real[0]) : Convert(real, width, s.real[0]);
      Convert(As<S>(run.mask) + b.n[r] * sizes.P, width, s.real[1]);
      for (int64_t e = 0; e < width; ++e) s.real[0][e] *= s.real[1][e];
      Convert(s.real[0], width, to);
    });
  }

  void InputGradient(const Place& place, const BlockRows<S>& b, int64_t rows) const {
    const int64_t begin = place.Begin(rows), count = place.End(rows) - begin;
    const auto to = [&](int64_t r) { return As<S>(want.d_x) + b.row[begin + r] * sizes.D; };
    bool is_first = true;
    for (int q = 0; q < ranges; ++q) {
      if (cell.source[range[q].source].kind != 0) continue;
      for (int64_t first = 0; first < sizes.D; first += kGroup) {
        const int64_t units = sizes.D - first < kGroup ? sizes.D - first : kGroup;
        MultiplyToRows(count, units, [&](int64_t r) { return b.factors + (begin + r) * lanes_row + range[q].first * sizes.H; },
                       Asked(q, first, units), [&](int64_t r, const T* in) {
          S* const out = to(r) + first;
          if (is_first) return Convert(in, units, out);
          T sum[kGroup];
          Convert(out, units, sum);
          for (int64_t e = 0; e < units; ++e) sum[e] += in[e];
          Convert(sum, units, out);
        });
      }
      is_first = false;
    }
    if (is_first)
      for (int64_t r = 0; r < count; ++r) std::memset(static_cast<void*>(to(r)), 0, sizes.D * sizeof(S));
  }
};

}  // namespace
