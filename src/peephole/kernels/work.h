// What both passes need: the sizes of a call, where a cell's products lie, and how the work is dealt to threads.
#pragma once

#include "cell.h"
#include "memory.h"
#include "number.h"
#include "peephole.h"
#include "threads.h"

namespace {

constexpr int kMax = 64;  // lanes, products, values …; the same number as LIMIT in emit_cpp.py

template <class T> inline const T* As(const void* p) { return static_cast<const T*>(p); }
template <class T> inline T* As(void* p) { return static_cast<T*>(p); }

inline int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

template <class S> struct Sizes {
  typedef typename VectorOf<Real<S>>::Type V;
  static constexpr int64_t W = kWidth<V>;
  int64_t H, P, D, blocks, padded;  // blocks: of one vector of units; padded: H rounded up to whole vectors
  int64_t* offset;                  // [steps] first row of a step
  Sizes(Arena& arena, const PeepholeRun& run)
      : H(run.hidden), P(run.width), D(run.inputs), blocks((H + W - 1) / W), padded(blocks * W) {
    offset = arena.Get<int64_t>(run.steps + 1);
    offset[0] = 0;
    for (int64_t t = 0; t < run.steps; ++t) offset[t + 1] = offset[t] + run.batch_sizes[t];
  }
  int64_t StateWidth(int64_t state) const { return state == 0 ? P : H; }
  // Elements of a source's rows.
  int64_t SourceWidth(const Source& s) const { return s.kind == 0 ? D : s.kind == 1 ? StateWidth(s.index) : H; }
};

// The matrix [H, .] of a product.
template <class S> inline const S* WeightOf(const PeepholeRun& run, const Product& p, int64_t width) {
  const void* array = p.array == 0 ? run.weight_ih : p.array == 1 ? run.weight_hh : run.parameter[p.array - 2];
  return As<S>(array) + p.block * run.hidden * width;
}

// About what a call's weights take, and so what its scratch memory is counted in.
template <class S> inline size_t WeightBytes(const PeepholeRun& run, const CellTable& cell) {
  return static_cast<size_t>(cell.lanes * run.hidden * (run.inputs + run.width)) * sizeof(Real<S>);
}

// The cell's vectors [H] of parameters.
template <class S> inline void SetParameters(const PeepholeRun& run, const CellTable& cell, Arena& arena, const Real<S>** to) {
  for (int v = 0; v < cell.vectors; ++v) {
    const S* from = As<S>(run.parameter[cell.vector[v].parameter]) + cell.vector[v].part * run.hidden;
    if constexpr (std::is_same<S, Real<S>>::value) {
      to[v] = from;
    } else {
      Real<S>* copy = arena.Get<Real<S>>(run.hidden);
      Convert(from, run.hidden, copy);
      to[v] = copy;
    }
  }
}

// Neighbouring lanes that a source's products add to.
struct Range {
  int source, phase, first, lanes;  // first: among all lanes
  int product[kMax];
};

// All ranges, by source; with `split` cut where a phase ends.
inline int FindRanges(const CellTable& cell, bool split, Range* ranges) {
  int count = 0;
  for (int s = 0; s < cell.sources; ++s) {
    Range* last = nullptr;
    for (int p = 0; p < cell.products; ++p) {
      const Product& product = cell.product[p];
      if (product.source != s) continue;
      int phase = 0;
      while (cell.first_lane[phase + 1] <= product.lane) ++phase;
      if (last == nullptr || product.lane != last->first + last->lanes || (split && phase != last->phase)) {
        last = &ranges[count++];
        last->source = s;
        last->phase = phase;
        last->first = product.lane;
        last->lanes = 0;
      }
      last->product[last->lanes++] = p;
    }
  }
  return count;
}

// Sequences of one thread, longest first: dealt there and back again (0 1 1 0 0 1 …), so that at every step all threads have the same
// number alive, or one fewer.
struct Share {
  int64_t count = 0;
  int64_t* n = nullptr;  // their positions in the batch
  Share() = default;
  Share(Arena& arena, int64_t alive, int64_t threads, int64_t thread) {
    n = arena.Get<int64_t>((alive + threads - 1) / threads + 1);
    for (int64_t k = 0; k < alive; ++k) {
      const int64_t round = k / threads, place = k % threads;
      if ((round % 2 == 0 ? place : threads - 1 - place) == thread) n[count++] = k;
    }
  }
  // How many of them are alive when `size` of all are.
  int64_t Alive(int64_t size, int64_t from) const {
    while (from > 0 && n[from - 1] >= size) --from;
    while (from < count && n[from] < size) ++from;
    return from;
  }
};

// How many threads there are, and what they divide among them.
struct Deal {
  int64_t threads;
  bool columns;  // units of every sequence, with a barrier at every step; otherwise sequences, and nobody waits
};

// Multiply-adds that are worth waking a thread for, and those of one step that are worth a barrier.
constexpr double kWorthAThread = 2e6, kWorthABarrier = 3e4;
// Fewer rows than this for each thread leave a tile's loads waiting for weights: one row costs as much as three.
constexpr double kFewRows = 3;
// Recurrent weights beyond this do not stay in a processor's own cache from step to step.
constexpr double kPrivateCache = 1.5 * 1024 * 1024;

inline Deal DealWork(const PeepholeRun& run, const CellTable& cell, int64_t size_of_factor) {
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  const double recurrent = static_cast<double>(run.hidden) * cell.lanes * run.width;  // about: lanes without h count too
  const double work = static_cast<double>(run.rows) * (recurrent + static_cast<double>(run.hidden) * cell.lanes * run.inputs);
  int64_t threads = run.threads < 1 ? 1 : run.threads;
  const int64_t worth = 1 + static_cast<int64_t>(work / kWorthAThread);
  if (threads > worth && run.split == 0) threads = worth;
  if (threads == 1 || alive == 0) return {1, false};
  const double rows = static_cast<double>(run.rows) / static_cast<double>(run.steps);  // of a step, on average
  const bool few = rows < kFewRows * static_cast<double>(threads);
  const bool large = recurrent * static_cast<double>(size_of_factor) > kPrivateCache;
  bool columns = (few || large) && rows * recurrent > kWorthABarrier * static_cast<double>(threads);
  if (run.split != 0) columns = run.split == 2;
  if (columns) return {threads, true};
  return {threads > alive ? alive : threads, false};
}

}  // namespace
