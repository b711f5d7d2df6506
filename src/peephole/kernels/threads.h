// Threads of a call: a team that runs one function at the same time, and the barrier that it may meet at.
#pragma once

#include <atomic>
#include <cstdint>

extern "C" {
// Calls f(context, id, size) for every id in [0, size) at the same time, each on a thread of its own, and returns when all are
// done. `size` is `threads`, or 1 where no others can be had.
void peephole_team(int64_t threads, void (*f)(void*, int64_t id, int64_t size), void* context);
// Waits a little longer at every call with a larger `turn`: first the processor's pause, then the scheduler, then sleep.
void peephole_pause(int64_t turn);
}

namespace {

// All of a team wait for each other. Nobody sleeps in the kernel at once: a step takes microseconds, waking up as many.
class Barrier {
 public:
  void Wait(int64_t size) {
    if (size == 1) return;
    const int64_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int64_t turn = 0; round_.load(std::memory_order_acquire) == round; ++turn) peephole_pause(turn);
  }

 private:
  alignas(64) std::atomic<int64_t> arrived_{0};
  alignas(64) std::atomic<int64_t> round_{0};
};

// A thread's place in the work. Split by columns, all threads have all sequences, and each some of the units.
struct Place {
  int64_t id = 0, size = 1;      // of the threads that share the columns; 0 and 1 where each has its own sequences
  Barrier* barrier = nullptr;

  void Wait() const {
    if (size > 1) barrier->Wait(size);
  }
  // This thread's part of n things.
  int64_t Begin(int64_t n) const { return id * n / size; }
  int64_t End(int64_t n) const { return (id + 1) * n / size; }
};

}  // namespace
