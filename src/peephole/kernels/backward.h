// The backward pass over packed rows.
//
// Steps are taken in the opposite order. A step does only what the one before it waits for: the pointwise functions, which write the
// gradients of the lanes, and the product that carries them to the previous states. Everything else (gradients of the inputs, weights
// and biases) is taken as large products over a block of rows, in a fixed order: the same bits for the same number of threads.
#pragma once

#include "memory.h"
#include "product.h"

namespace {

template <class T> struct Backward {
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>;
  static constexpr int64_t kGroup = kMaxVectors * W;       // units of an output that a tile covers
  static constexpr int64_t kBlockBytes = 384 * 1024;       // lane gradients of a block of rows: a part of the second-level cache
  static constexpr int64_t kBlockRows = 256, kFewestRows = 192;  // fewer would read and write the weights' gradients too often

  const PeepholeRun& run;
  const PeepholeGradients& want;
  const CellTable& cell;
  Arena arena;
  Sizes<T> sizes;
  Range range[kMax];
  T* packed[kMax];     // [groups of 4 vectors of the source][lanes * H][.]; null where nobody wants the source's gradient
  int ranges;
  T* projection = nullptr;  // weight_hr [groups of H][P][.]
  int64_t threads, block;
  const T* parameter[kMax];
  int64_t lanes_row;

  Backward(const PeepholeRun& run, const PeepholeGradients& want)
      : run(run), want(want), cell(*static_cast<const CellTable*>(run.cell)), sizes(arena, run) {
    threads = Threads<T>(run, cell);
    ranges = FindRanges(cell, false, range);
    for (int k = 0; k < ranges; ++k) {
      const Source& source = cell.source[range[k].source];
      const bool wanted = source.kind != 0 || want.d_x != nullptr;
      packed[k] = wanted ? arena.Get<T>(range[k].lanes * sizes.H * RoundUp(sizes.SourceWidth(source), W)) : nullptr;
    }
    if (run.weight_hr != nullptr) projection = arena.Get<T>(sizes.P * sizes.padded);
    for (int v = 0; v < cell.vectors; ++v)
      parameter[v] = As<T>(run.parameter[cell.vector[v].parameter]) + cell.vector[v].part * sizes.H;
    lanes_row = RoundUp(cell.lanes * sizes.H, W) + W;
    block = kBlockBytes / (lanes_row * static_cast<int64_t>(sizeof(T)));
    block = block < kFewestRows ? kFewestRows : block > kBlockRows ? kBlockRows : block;
  }

  // Rows of a matrix, cut into groups of at most 4 vectors: out[group][row][.], zero beyond `width`.
  static void PackGroups(const T* w, int64_t rows, int64_t width, int64_t row, int64_t all_rows, T* out) {
    for (int64_t first = 0; first < width; first += kGroup) {
      const int64_t units = width - first < kGroup ? width - first : kGroup, step = RoundUp(units, W);
      T* to = out + first * all_rows + row * step;
      for (int64_t r = 0; r < rows; ++r, to += step) {
        std::memcpy(to, w + r * width + first, units * sizeof(T));
        for (int64_t e = units; e < step; ++e) to[e] = 0;
      }
    }
  }

  int64_t PackJobs() const { return cell.products + (projection != nullptr); }

  void Pack(int64_t job) const {
    if (job == cell.products) return PackGroups(As<T>(run.weight_hr), sizes.P, sizes.H, 0, sizes.P, projection);
    for (int k = 0; k < ranges; ++k)
      for (int l = 0; l < range[k].lanes; ++l)
        if (range[k].product[l] == job && packed[k] != nullptr) {
          const int64_t width = sizes.SourceWidth(cell.source[range[k].source]);
          PackGroups(WeightOf<T>(run, cell.product[job], width), sizes.H, width, l * sizes.H,
                     range[k].lanes * sizes.H, packed[k]);
        }
  }

  struct Scratch {
    Share share;
    const T** prev[kMax];      // [states][block + count] states before the step, of the rows of the block
    const T** d_state[kMax];   // [states][count]
    T** d_prev[kMax];
    T** d_carried[kMax];       // [states][count] gradient that the step before will see; d_prev, but for a projected h
    int64_t* row;              // [block + count]
    int64_t* n;                // [block + count] sequence
    T* d_lanes;                // [block + count][lanes_row]
    T* operand[kMax];          // [operands][block + count][padded]
    T* d_operand[kMax];        // [operands][count][padded]
    T* d_output;               // [block + count][P padded] with projection
    T* d_raw;                  // [count][padded] with projection
    T* d_parameter[kMax];      // [vectors][padded]
    T* d_bias[kMax];           // [lanes][H padded]
    T* d_weight[kMax];         // [products][H][source width padded]
    T* d_projection;           // [P][padded]
    T* gathered;               // [block + count][widest + W]
    const T** lanes;           // [block + count] rows of d_lanes
    T** to;                    // [block + count]
    bool is_fresh;             // nothing has been added to d_weight yet
  };

  bool WantsWeights() const {
    bool any = want.d_weight_ih != nullptr || want.d_weight_hh != nullptr;
    for (int k = 0; k < cell.parameters; ++k) any |= want.d_parameter[k] != nullptr;
    return any;
  }

  bool Wants(const Product& p) const {
    return (p.array == 0 ? want.d_weight_ih : p.array == 1 ? want.d_weight_hh : want.d_parameter[p.array - 2]) != nullptr;
  }

  Scratch MakeScratch(int64_t thread) {
    Scratch s;
    s.share = Share(arena, run.steps == 0 ? 0 : run.batch_sizes[0], threads, thread);
    const int64_t count = s.share.count;
    int64_t rows = 0;  // that a block can hold: flushed when `block` is reached, and one step may overshoot
    for (int64_t k = 0; k < run.steps && rows < block + count; ++k) rows += count;
    s.row = arena.template Get<int64_t>(rows);
    s.n = arena.template Get<int64_t>(rows);
    s.lanes = arena.template Get<const T*>(rows);
    s.to = arena.template Get<T*>(rows);
    s.d_lanes = arena.template Get<T>(rows * lanes_row);
    for (int k = 0; k < cell.states; ++k) {
      const int64_t width = sizes.StateWidth(k), step = RoundUp(width > sizes.H ? width : sizes.H, W);
      s.prev[k] = arena.template Get<const T*>(rows);
      s.d_state[k] = arena.template Get<const T*>(count);
      s.d_prev[k] = arena.template Get<T*>(count);
      s.d_carried[k] = arena.template Get<T*>(count);
      T* both = arena.template Zeros<T>(2 * count * step);
      const T* asked = want.d_final == nullptr ? nullptr : As<T>(want.d_final[k]);
      for (int64_t i = 0; i < count; ++i) {
        T* now = both + 2 * i * step;
        if (asked != nullptr) std::memcpy(now, asked + s.share.n[i] * width, width * sizeof(T));
        s.d_state[k][i] = now;
        s.d_carried[k][i] = s.d_prev[k][i] = now + step;
      }
    }
    int64_t widest = sizes.H;
    for (int k = 0; k < cell.sources; ++k) {
      const int64_t width = sizes.SourceWidth(cell.source[k]);
      widest = width > widest ? width : widest;
    }
    s.gathered = arena.template Get<T>(rows * (RoundUp(widest, W) + W));
    for (int k = 0; k < cell.operands; ++k) {
      s.operand[k] = arena.template Get<T>(rows * sizes.padded);
      s.d_operand[k] = arena.template Get<T>(count * sizes.padded);
    }
    for (int k = 0; k < cell.vectors; ++k) s.d_parameter[k] = arena.template Zeros<T>(sizes.padded);
    for (int k = 0; k < cell.lanes; ++k) s.d_bias[k] = arena.template Zeros<T>(sizes.padded);
    for (int k = 0; k < cell.products; ++k)
      s.d_weight[k] = Wants(cell.product[k])
                          ? arena.template Get<T>(sizes.H * RoundUp(sizes.SourceWidth(cell.source[cell.product[k].source]), W))
                          : nullptr;
    if (run.weight_hr != nullptr) {
      s.d_output = arena.template Get<T>(rows * RoundUp(sizes.P, W));
      s.d_raw = arena.template Get<T>(count * sizes.padded);
      s.d_projection = arena.template Get<T>(sizes.P * sizes.padded);
      T* sink = arena.template Get<T>(sizes.padded);  // h enters through products only: its pointwise gradient is zero
      for (int64_t i = 0; i < count; ++i) s.d_prev[0][i] = sink;
    }
    s.is_fresh = true;
    return s;
  }

  void RunThread(Scratch& s) const {
    int64_t alive = 0, rows = 0;
    for (int64_t k = 0; k < run.steps; ++k) {
      const int64_t t = run.reverse ? k : run.steps - 1 - k;
      alive = s.share.Alive(run.batch_sizes[t], alive);
      Step(s, rows, alive, t);
      rows += alive;
      if (rows >= block || k + 1 == run.steps) {
        Flush(s, rows);
        rows = 0;
      }
    }
    if (s.is_fresh) Flush(s, 0);
    for (int k = 0; k < cell.states; ++k) {
      if (want.d_state == nullptr || want.d_state[k] == nullptr) continue;
      const int64_t width = sizes.StateWidth(k);
      for (int64_t i = 0; i < s.share.count; ++i)
        std::memcpy(As<T>(want.d_state[k]) + s.share.n[i] * width, s.d_state[k][i], width * sizeof(T));
    }
  }

  void SetRows(const Scratch& s, int64_t at, int64_t alive, int64_t t) const {
    const int64_t before = run.reverse ? t + 1 : t - 1;  // the step that came before this one
    const int64_t there = before < 0 || before >= run.steps ? 0 : run.batch_sizes[before];
    for (int64_t i = 0; i < alive; ++i) {
      s.n[at + i] = s.share.n[i];
      s.row[at + i] = sizes.offset[t] + s.share.n[i];
      s.lanes[at + i] = s.d_lanes + (at + i) * lanes_row;
    }
    for (int k = 0; k < cell.states; ++k) {
      const T* stored = As<T>(k == 0 ? run.output : run.slot[cell.state_slot[k]]);
      const int64_t width = sizes.StateWidth(k);
      for (int64_t i = 0; i < alive; ++i) {
        const int64_t n = s.share.n[i];
        s.prev[k][at + i] = n >= there       ? As<T>(run.state[k]) + n * width
                            : stored == nullptr ? nullptr
                                                : stored + (sizes.offset[before] + n) * width;
      }
    }
  }

  void Step(Scratch& s, int64_t at, int64_t alive, int64_t t) const {
    SetRows(s, at, alive, t);
    BackwardTile<T> tile;
    const T *d_value[kMax], *slot[kMax];
    const T *const *prev[kMax], *const *d_state[kMax];
    T* const* d_prev[kMax];
    T* operand[kMax];
    for (int k = 0; k < cell.slots; ++k) slot[k] = As<T>(run.slot[k]);
    for (int k = 0; k < cell.values; ++k)
      d_value[k] = want.d_value == nullptr ? nullptr : As<T>(want.d_value[k]);
    for (int k = 0; k < cell.states; ++k) {
      prev[k] = s.prev[k] + at;
      d_state[k] = s.d_state[k];
      d_prev[k] = s.d_prev[k];
    }
    for (int k = 0; k < cell.operands; ++k) operand[k] = s.operand[k] + at * sizes.padded;
    if (run.weight_hr == nullptr) {
      d_value[cell.state_slot[0]] = As<T>(want.d_output);
    } else {
      Unproject(s, at, alive);
      d_state[0] = const_cast<const T* const*>(s.to);
    }
    tile.rows = alive;
    tile.width = sizes.H;
    tile.prev = prev;
    tile.d_state = d_state;
    tile.d_prev = d_prev;
    tile.row = s.row + at;
    tile.slot = slot;
    tile.held = reinterpret_cast<const T* const*>(run.held);
    tile.d_value = d_value;
    tile.d_value_out = reinterpret_cast<T* const*>(want.d_value_out);
    tile.d_operand = s.d_operand;
    tile.operand = operand;
    tile.scratch_row = sizes.padded;
    tile.d_lanes = s.d_lanes + at * lanes_row;
    tile.d_lanes_row = lanes_row;
    tile.parameter = parameter;
    tile.d_parameter = s.d_parameter;
    for (int level = 0; level < cell.levels; ++level) {
      for (int k = 0; k < cell.operands; ++k)
        if (cell.operand_level[k] == level) {
          std::memset(s.d_operand[k], 0, alive * sizes.padded * sizeof(T));
          for (int64_t i = 0; i < alive; ++i) s.to[i] = s.d_operand[k] + i * sizes.padded;
          for (int q = 0; q < ranges; ++q) {
            const Source& source = cell.source[range[q].source];
            if (source.kind == 2 && source.index == k) Carry(s, q, at, alive, s.to);
          }
          // `to` held the unprojected rows; they are wanted again by the next level.
          if (run.weight_hr != nullptr)
            for (int64_t i = 0; i < alive; ++i) s.to[i] = s.d_raw + i * sizes.padded;
        }
      const Function<BackwardTile<T>>* function = FunctionsOf<T>(cell).backward[level];
      for (int64_t b = 0; b < sizes.blocks; ++b) {
        tile.first = b * W;
        tile.count = sizes.H - tile.first < W ? sizes.H - tile.first : W;
        function[tile.count == W](tile);
      }
    }
    if (run.weight_hr != nullptr)
      for (int64_t i = 0; i < alive; ++i) std::memset(s.d_carried[0][i], 0, sizes.P * sizeof(T));
    for (int q = 0; q < ranges; ++q) {
      const Source& source = cell.source[range[q].source];
      if (source.kind == 1) Carry(s, q, at, alive, s.d_carried[source.index]);
    }
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < alive; ++i) {
        T* const used = const_cast<T*>(s.d_state[k][i]);
        s.d_state[k][i] = s.d_carried[k][i];
        s.d_carried[k][i] = used;
        if (k > 0 || run.weight_hr == nullptr) s.d_prev[k][i] = used;
      }
  }

  // What a range of lanes asks of its source is added to to[i].
  void Carry(const Scratch& s, int q, int64_t at, int64_t alive, T* const* to) const {
    const Range& r = range[q];
    const Source& source = cell.source[r.source];
    const int64_t width = sizes.SourceWidth(source), count = r.lanes * sizes.H;
    const bool is_masked = run.mask != nullptr && source.masked;
    for (int64_t first = 0; first < width; first += kGroup) {
      const int64_t units = width - first < kGroup ? width - first : kGroup;
      TileProduct<T> t;
      t.a_step = 1;
      t.w = packed[q] + first * count;
      t.w_step = RoundUp(units, W);
      t.count = count;
      MultiplyToRows(alive, units, [&](int64_t i) { return s.lanes[at + i] + r.first * sizes.H; }, t,
                     [&](int64_t i, const T* in) {
        T* const out = to[i] + first;
        if (is_masked) {
          const T* mask = As<T>(run.mask) + s.share.n[i] * sizes.P + first;
          for (int64_t e = 0; e < units; ++e) out[e] += mask[e] * in[e];
        } else {
          for (int64_t e = 0; e < units; ++e) out[e] += in[e];
        }
      });
    }
  }

  // With projection, h is W_hr times what the equations compute: d_raw = W_hr^T (d_output + d_state), rows in s.to.
  void Unproject(const Scratch& s, int64_t at, int64_t alive) const {
    const int64_t step = RoundUp(sizes.P, W);
    for (int64_t i = 0; i < alive; ++i) {
      T* total = s.d_output + (at + i) * step;
      const T* asked = want.d_output == nullptr ? nullptr : As<T>(want.d_output) + s.row[at + i] * sizes.P;
      for (int64_t e = 0; e < sizes.P; ++e) total[e] = s.d_state[0][i][e] + (asked == nullptr ? T(0) : asked[e]);
      s.to[i] = total;
    }
    T* const* totals = s.to;
    for (int64_t first = 0; first < sizes.H; first += kGroup) {
      const int64_t units = sizes.H - first < kGroup ? sizes.H - first : kGroup, vectors = (units + W - 1) / W;
      TileProduct<T> t;
      t.a_step = 1;
      t.w = projection + first * sizes.P;
      t.w_step = vectors * W;
      t.count = sizes.P;
      t.from = nullptr;
      t.from_row = 0;
      t.to = s.d_raw + first;
      t.to_row = sizes.padded;
      MultiplyRows(alive, vectors, [&](int64_t i) { return totals[i]; }, t);
    }
    for (int64_t i = 0; i < alive; ++i) s.to[i] = s.d_raw + i * sizes.padded;
  }

  // The large products over a block of rows.
  void Flush(Scratch& s, int64_t rows) const {
    for (int l = 0; l < cell.lanes; ++l)
      for (int64_t r = 0; r < rows; ++r) {
        const T* d = s.lanes[r] + l * sizes.H;
        for (int64_t e = 0; e < sizes.H; ++e) s.d_bias[l][e] += d[e];
      }
    if (want.d_x != nullptr) InputGradient(s, rows);
    for (int k = 0; k < cell.sources; ++k) {
      bool wanted = false;
      for (int p = 0; p < cell.products; ++p) wanted |= cell.product[p].source == k && s.d_weight[p] != nullptr;
      if (!wanted) continue;
      const int64_t width = sizes.SourceWidth(cell.source[k]);
      const int64_t step = Gather(s, k, rows);
      for (int p = 0; p < cell.products; ++p)
        if (cell.product[p].source == k && s.d_weight[p] != nullptr)
          Outer(s, s.d_lanes + cell.product[p].lane * sizes.H, lanes_row, sizes.H, step, width, rows, s.d_weight[p]);
    }
    if (run.weight_hr != nullptr && want.d_weight_hr != nullptr) {
      const T* raw = As<T>(run.slot[cell.state_slot[0]]);
      const int64_t step = sizes.padded + W;
      for (int64_t r = 0; r < rows; ++r) CopyPadded(raw + s.row[r] * sizes.H, sizes.H, s.gathered + r * step);
      Outer(s, s.d_output, RoundUp(sizes.P, W), sizes.P, step, sizes.H, rows, s.d_projection);
    }
    s.is_fresh = false;
  }

  static void CopyPadded(const T* from, int64_t width, T* to) {
    std::memcpy(to, from, width * sizeof(T));
    for (int64_t e = width; e % W != 0; ++e) to[e] = 0;
  }

  // The rows of a source side by side; returns their distance, which keeps them off the same cache sets.
  int64_t Gather(const Scratch& s, int k, int64_t rows) const {
    const Source& source = cell.source[k];
    const int64_t width = sizes.SourceWidth(source), step = RoundUp(width, W) + W;
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = source.kind == 0   ? As<T>(run.x) + s.row[r] * run.x_stride
                      : source.kind == 1 ? s.prev[source.index][r]
                                         : s.operand[source.index] + r * sizes.padded;
      T* to = s.gathered + r * step;
      CopyPadded(from, width, to);
      if (run.mask != nullptr && source.masked) {
        const T* mask = As<T>(run.mask) + s.n[r] * sizes.P;
        for (int64_t e = 0; e < width; ++e) to[e] *= mask[e];
      }
    }
    return step;
  }

  // out[j][k] += sum over rows of d[row][j] * gathered[row][k], for j < units and k < width; out has rows of whole vectors.
  void Outer(const Scratch& s, const T* d, int64_t d_row, int64_t units, int64_t step, int64_t width, int64_t rows,
             T* out) const {
    const int64_t out_row = RoundUp(width, W);
    for (int64_t first = 0; first < width; first += kGroup) {
      const int64_t left = (width - first + W - 1) / W, vectors = left < kMaxVectors ? left : kMaxVectors;
      TileProduct<T> t;
      t.a_step = d_row;
      t.w = s.gathered + first;
      t.w_step = step;
      t.count = rows;
      t.to = out + first;
      t.to_row = out_row;
      t.from = s.is_fresh ? nullptr : t.to;
      t.from_row = out_row;
      MultiplyRows(units, vectors, [&](int64_t j) { return d + j; }, t);
    }
  }

  void InputGradient(const Scratch& s, int64_t rows) const {
    for (int64_t r = 0; r < rows; ++r) s.to[r] = As<T>(want.d_x) + s.row[r] * sizes.D;
    bool is_first = true;
    for (int q = 0; q < ranges; ++q) {
      if (cell.source[range[q].source].kind != 0) continue;
      const int64_t count = range[q].lanes * sizes.H;
      for (int64_t first = 0; first < sizes.D; first += kGroup) {
        const int64_t units = sizes.D - first < kGroup ? sizes.D - first : kGroup;
        TileProduct<T> t;
        t.a_step = 1;
        t.w = packed[q] + first * count;
        t.w_step = RoundUp(units, W);
        t.count = count;
        MultiplyToRows(rows, units, [&](int64_t r) { return s.lanes[r] + range[q].first * sizes.H; }, t,
                       [&](int64_t r, const T* in) {
          T* const out = s.to[r] + first;
          if (is_first)
            std::memcpy(out, in, units * sizeof(T));
          else
            for (int64_t e = 0; e < units; ++e) out[e] += in[e];
        });
      }
      is_first = false;
    }
    if (is_first)
      for (int64_t r = 0; r < rows; ++r) std::memset(s.to[r], 0, sizes.D * sizeof(T));
  }

  // Adding up what the threads have, in their order. One job per product, then the projection, then everything small.
  int64_t ReduceJobs() const { return cell.products + 2; }

  void Reduce(const Scratch* s, int64_t job) const {
    if (job < cell.products) {
      const Product& p = cell.product[job];
      for (int k = 0; k < job; ++k)  // two products of one matrix: the first adds both
        if (cell.product[k].array == p.array && cell.product[k].block == p.block) return;
      void* array = p.array == 0 ? want.d_weight_ih : p.array == 1 ? want.d_weight_hh : want.d_parameter[p.array - 2];
      if (array == nullptr) return;
      const int64_t width = sizes.SourceWidth(cell.source[p.source]);
      T* out = As<T>(array) + p.block * sizes.H * width;
      bool is_first = true;
      for (int k = static_cast<int>(job); k < cell.products; ++k) {
        if (cell.product[k].array != p.array || cell.product[k].block != p.block) continue;
        for (int64_t thread = 0; thread < threads; ++thread) {
          AddRows(s[thread].d_weight[k], sizes.H, width, RoundUp(width, W), out, is_first);
          is_first = false;
        }
      }
    } else if (job == cell.products) {
      if (run.weight_hr != nullptr && want.d_weight_hr != nullptr)
        for (int64_t thread = 0; thread < threads; ++thread)
          AddRows(s[thread].d_projection, sizes.P, sizes.H, sizes.padded, As<T>(want.d_weight_hr), thread == 0);
    } else {
      ReduceSmall(s);
    }
  }

  static void AddRows(const T* from, int64_t rows, int64_t width, int64_t from_row, T* to, bool is_first) {
    for (int64_t r = 0; r < rows; ++r)
      if (is_first)
        std::memcpy(to + r * width, from + r * from_row, width * sizeof(T));
      else
        for (int64_t e = 0; e < width; ++e) to[r * width + e] += from[r * from_row + e];
  }

  void ReduceSmall(const Scratch* s) const {
    for (int array = 0; array < 2; ++array) {
      T* out = As<T>(array == 0 ? want.d_bias_ih : want.d_bias_hh);
      if (out == nullptr) continue;
      std::memset(out, 0, cell.gates * sizes.H * sizeof(T));
      for (int64_t thread = 0; thread < threads; ++thread)
        for (int p = 0; p < cell.products; ++p)
          if (cell.product[p].array == array) {
            const T* d = s[thread].d_bias[cell.product[p].lane];
            T* to = out + cell.product[p].block * sizes.H;
            for (int64_t e = 0; e < sizes.H; ++e) to[e] += d[e];
          }
    }
    for (int v = 0; v < cell.vectors; ++v) {
      T* out = As<T>(want.d_parameter[cell.vector[v].parameter]);
      if (out == nullptr) continue;
      out += cell.vector[v].part * sizes.H;
      for (int64_t thread = 0; thread < threads; ++thread)
        AddRows(s[thread].d_parameter[v], 1, sizes.H, sizes.padded, out, thread == 0);
    }
  }

  // Gates and parameters that no equation uses have no gradient: zero.
  void ClearUnused() const {
    bool used[kMax][kMax] = {};
    for (int p = 0; p < cell.products; ++p) used[cell.product[p].array][cell.product[p].block] = true;
    for (int array = 0; array < 2; ++array)
      for (int gate = 0; gate < cell.gates; ++gate) {
        T* out = As<T>(array == 0 ? want.d_weight_ih : want.d_weight_hh);
        const int64_t size = sizes.H * (array == 0 ? sizes.D : sizes.P);
        if (out != nullptr && !used[array][gate]) std::memset(out + gate * size, 0, size * sizeof(T));
      }
  }
};

template <class T> void RunBackward(const PeepholeRun& run, const PeepholeGradients& want) {
  typedef typename Backward<T>::Scratch Scratch;
  Backward<T> backward(run, want);
  struct Context {
    Backward<T>* backward;
    Scratch* scratch;
  } context{&backward, backward.arena.template Get<Scratch>(backward.threads)};
  for (int64_t k = 0; k < backward.threads; ++k) context.scratch[k] = backward.MakeScratch(k);
  peephole_parallel(backward.threads, [](void* p, int64_t part) {
    Context& c = *static_cast<Context*>(p);
    for (int64_t job = part; job < c.backward->PackJobs(); job += c.backward->threads) c.backward->Pack(job);
  }, &context);
  peephole_parallel(backward.threads, [](void* p, int64_t part) {
    Context& c = *static_cast<Context*>(p);
    c.backward->RunThread(c.scratch[part]);
  }, &context);
  peephole_parallel(backward.threads, [](void* p, int64_t part) {
    Context& c = *static_cast<Context*>(p);
    for (int64_t job = part; job < c.backward->ReduceJobs(); job += c.backward->threads) c.backward->Reduce(c.scratch, job);
  }, &context);
  backward.ClearUnused();
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  for (int k = 0; want.d_state != nullptr && k < backward.cell.states; ++k) {
    if (want.d_state[k] == nullptr || run.batch == alive) continue;
    const int64_t width = backward.sizes.StateWidth(k), rest = (run.batch - alive) * width;
    T* out = As<T>(want.d_state[k]) + alive * width;
    if (want.d_final != nullptr && want.d_final[k] != nullptr)
      std::memcpy(out, As<T>(want.d_final[k]) + alive * width, rest * sizeof(T));
    else
      std::memset(out, 0, rest * sizeof(T));
  }
}

}  // namespace
