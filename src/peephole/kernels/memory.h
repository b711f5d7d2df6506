// Scratch memory of one call, and the deal of sequences to threads.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>

#include "cell.h"
#include "peephole.h"

extern "C" {
// Calls f(context, k) for k in [0, parts), on up to that many threads, and returns when all are done.
void peephole_parallel(int64_t parts, void (*f)(void*, int64_t), void* context);
// Whether scratch is filled with NaN before use: for tests.
int peephole_is_poisoned(void);
}

namespace {

constexpr int kMax = 64;  // lanes, products, values …; the same number as LIMIT in emit_cpp.py

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (last_ != nullptr) {
      Block* block = last_;
      last_ = block->before;
      std::free(block);
    }
  }
  // n elements, aligned to a cache line, not cleared. Throws std::bad_alloc.
  template <class T> T* Get(int64_t n) {
    const size_t bytes = (sizeof(Block) + static_cast<size_t>(n) * sizeof(T) + 63) / 64 * 64;
    Block* block = static_cast<Block*>(std::aligned_alloc(64, bytes));
    if (block == nullptr) throw std::bad_alloc();
    if (peephole_is_poisoned()) std::memset(static_cast<void*>(block), 0xff, bytes);
    block->before = last_;
    last_ = block;
    return reinterpret_cast<T*>(block + 1);
  }
  template <class T> T* Zeros(int64_t n) {
    T* p = Get<T>(n);
    std::memset(static_cast<void*>(p), 0, static_cast<size_t>(n) * sizeof(T));
    return p;
  }

 private:
  struct alignas(64) Block { Block* before; };
  Block* last_ = nullptr;
};

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

// Work below this many multiply-adds is done by one thread: waking another takes about as long.
constexpr double kWorthAThread = 2e6;

template <class T> inline int64_t Threads(const PeepholeRun& run, const CellTable& cell) {
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  const double work = static_cast<double>(run.rows) * run.hidden * cell.lanes * (run.inputs + run.width);
  int64_t threads = run.threads < 1 ? 1 : run.threads;
  const int64_t worth = 1 + static_cast<int64_t>(work / kWorthAThread);
  if (threads > worth) threads = worth;
  if (threads > alive) threads = alive;
  return threads < 1 ? 1 : threads;
}

template <class T> inline const T* As(const void* p) { return static_cast<const T*>(p); }
template <class T> inline T* As(void* p) { return static_cast<T*>(p); }

inline int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// The sizes of a call that both passes need.
template <class T> struct Sizes {
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>;
  int64_t H, P, D, blocks, padded;  // padded: H rounded up to whole vectors
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
template <class T> inline const T* WeightOf(const PeepholeRun& run, const Product& p, int64_t width) {
  const void* array = p.array == 0 ? run.weight_ih : p.array == 1 ? run.weight_hh : run.parameter[p.array - 2];
  return As<T>(array) + p.block * run.hidden * width;
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

}  // namespace
