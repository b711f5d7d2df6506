// What a backward pass holds: how its work is dealt, and the scratch memory of each thread.
#pragma once

#include "gradients.h"

namespace {

template <class S> struct BackwardCall {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  typedef typename Gradients<S>::Sums Sums;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>, kGroup = Gradients<S>::kGroup;
  static constexpr bool kRounds = !std::is_same<S, T>::value;
  static constexpr int64_t kBlockBytes = 384 * 1024;       // lane gradients of a block of rows: a part of the second-level cache
  static constexpr int64_t kBlockRows = 256, kFewestRows = 192;  // fewer would read and write the weights' gradients too often

  static constexpr int64_t kRowsPointwise = 8;

  const PeepholeRun& run;
  const PeepholeGradients& want;
  const CellTable& cell;
  Arena arena;
  Sizes<S> sizes;
  Gradients<S> gradients;
  Deal deal;
  F* projection = nullptr;  // weight_hr [groups of H][P][.]
  int64_t block;
  const T* parameter[kMax];

  BackwardCall(const PeepholeRun& run, const PeepholeGradients& want)
      : run(run), want(want), cell(*static_cast<const CellTable*>(run.cell)), arena(WeightBytes<S>(run, cell)), sizes(arena, run),
        gradients(run, want, cell, sizes, arena), deal(DealWork(run, cell, sizeof(F))) {
    SetParameters<S>(run, cell, arena, parameter);
    if (run.weight_hr != nullptr) projection = arena.Zeros<F>(RoundUp(sizes.P, kDepth<F>) * sizes.padded);
    block = kBlockBytes / (gradients.lanes_row * static_cast<int64_t>(sizeof(T)));
    block = block < kFewestRows ? kFewestRows : block > kBlockRows ? kBlockRows : block;
  }

  bool HasTotals() const { return kRounds || run.weight_hr != nullptr; }

  int64_t PackJobs() const { return cell.products + (projection != nullptr); }

  void Pack(int64_t job) const {
    if (job < cell.products) return gradients.Pack(static_cast<int>(job));
    Gradients<S>::PackGroups(As<S>(run.weight_hr), sizes.P, sizes.H, 0, RoundUp(sizes.P, kDepth<F>), projection);
  }

  struct Scratch {
    Place place;
    Share share;
    BlockRows<S> b;            // [block + count]; its arrays of pointers are this thread's, the rest is shared as below
    const T** d_state[kMax];   // [states][count] what later steps ask of the states
    const T** d_seen[kMax];    // [states][count] likewise, as the equations see it: h before projection, with the loss's own
    T** d_prev[kMax];
    T** d_carried[kMax];       // [states][count] gradient that the step before will see; d_prev, but for a projected h
    T** to;                    // [count]
    Sums sums;
    bool is_first;             // nothing has been added up yet
    // Shared by the threads that share columns.
    T* both[kMax];             // [states][count][2][.]
    T* d_operand[kMax];        // [operands][count][padded]
    T* d_raw;                  // [count][padded] gradient of h before projection
    F* d_total;                // [count][P] gradient of h after it, as factors
    T* h;                      // [block + count][padded] h before the step where it is stored otherwise
  };

  int64_t StateRow(int k) const {
    const int64_t width = sizes.StateWidth(k);
    return RoundUp(width > sizes.H ? width : sizes.H, W);
  }

  Scratch MakeScratch(int64_t thread, const Scratch* first) {
    Scratch s = first == nullptr ? Scratch() : *first;
    const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
    const bool is_shared = deal.columns && first != nullptr;
    s.share = deal.columns ? Share(arena, alive, 1, 0) : Share(arena, alive, deal.threads, thread);
    const int64_t count = s.share.count;
    int64_t rows = 0;  // that a block can hold: taken together when `block` is reached, and one step may overshoot
    for (int64_t k = 0; k < run.steps && rows < block + count; ++k) rows += count;
    s.b.row = arena.template Get<int64_t>(rows);
    s.b.n = arena.template Get<int64_t>(rows);
    s.b.h = arena.template Get<const S*>(rows);
    s.to = arena.template Get<T*>(count);
    for (int k = 0; k < cell.states; ++k) {
      const int64_t width = sizes.StateWidth(k), step = StateRow(k);
      s.b.prev[k] = arena.template Get<const T*>(rows);
      s.d_state[k] = arena.template Get<const T*>(count);
      s.d_seen[k] = k == 0 && HasTotals() ? arena.template Get<const T*>(count) : s.d_state[k];
      s.d_prev[k] = arena.template Get<T*>(count);
      s.d_carried[k] = arena.template Get<T*>(count);
      if (!is_shared) s.both[k] = arena.template Zeros<T>(2 * count * step);
      const void* asked = want.d_final == nullptr ? nullptr : want.d_final[k];
      for (int64_t i = 0; i < count; ++i) {
        T* now = s.both[k] + 2 * i * step;
        if (asked != nullptr && !is_shared) {
          if (k == 0) Convert(As<S>(asked) + s.share.n[i] * width, width, now);
          else Convert(As<T>(asked) + s.share.n[i] * width, width, now);
        }
        s.d_state[k][i] = now;
        s.d_carried[k][i] = s.d_prev[k][i] = now + step;
      }
    }
    if (run.weight_hr != nullptr) {
      T* sink = arena.template Get<T>(sizes.padded);  // h enters through products only: its pointwise gradient is zero
      for (int64_t i = 0; i < count; ++i) s.d_prev[0][i] = sink;
    }
    s.is_first = true;
    if (is_shared) {
      gradients.MakeLines(arena, s.sums);
      return s;
    }
    s.b.d_lanes = arena.template Get<T>(rows * gradients.lanes_row);
    if constexpr (std::is_same<T, F>::value) s.b.factors = s.b.d_lanes;
    else s.b.factors = arena.template Zeros<F>(rows * gradients.lanes_row);
    for (int k = 0; k < cell.operands; ++k) {
      s.b.operand[k] = arena.template Get<T>(rows * sizes.padded);
      s.d_operand[k] = arena.template Get<T>(count * sizes.padded);
    }
    s.b.d_output = run.weight_hr != nullptr ? arena.template Get<T>(rows * RoundUp(sizes.P, W)) : nullptr;
    s.d_raw = HasTotals() ? arena.template Get<T>(count * sizes.padded) : nullptr;
    s.d_total = run.weight_hr != nullptr ? arena.template Zeros<F>(count * RoundUp(sizes.P, kDepth<F>)) : nullptr;
    s.h = kRounds && run.weight_hr == nullptr ? arena.template Get<T>(rows * sizes.padded) : nullptr;
    s.sums = gradients.MakeSums(arena, rows, first == nullptr);
    gradients.MakeLines(arena, s.sums);
    return s;
  }
};

}  // namespace
