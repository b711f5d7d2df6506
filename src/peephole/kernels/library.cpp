// The library: which instruction sets there are, and the threads.
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "isa.h"

extern "C" {
const Isa* peephole_isa_baseline(void);
#if defined(__x86_64__)
const Isa* peephole_isa_avx2(void);
const Isa* peephole_isa_avx512(void);
#endif
}

namespace {

struct Build {
  const char* name;
  const Isa* isa;
};

const std::vector<Build>& Builds() {
  static const std::vector<Build> builds = [] {
    std::vector<Build> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
      found.push_back({"avx512", peephole_isa_avx512()});
    if (avx2) found.push_back({"avx2", peephole_isa_avx2()});
#endif
    found.push_back({"baseline", peephole_isa_baseline()});
    return found;
  }();
  return builds;
}

const Isa* FindIsa(const char* name) {
  for (const Build& build : Builds())
    if (std::strcmp(build.name, name) == 0) return build.isa;
  return nullptr;
}

// One task at a time. Workers sleep between tasks after watching for the next one for a little while, which saves the waking when
// calls follow one another, as the layers of a network do.
class Pool {
 public:
  void Run(int64_t parts, void (*f)(void*, int64_t), void* context) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock()) {  // another call has the threads: this one is its own
      for (int64_t k = 0; k < parts; ++k) f(context, k);
      return;
    }
    while (workers_ < parts - 1) {
      try {
        std::thread(&Pool::Work, this, ++workers_, epoch_.load()).detach();
      } catch (const std::system_error&) {  // no more threads here
        --workers_;
        for (int64_t k = 0; k < parts; ++k) f(context, k);
        return;
      }
    }
    left_.store(parts - 1);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      parts_ = parts;
      f_ = f;
      context_ = context;
      epoch_.fetch_add(1);
    }
    wake_.notify_all();
    f(context, 0);
    for (int spin = 0; left_.load() != 0; ++spin)
      if (spin > kSpin) {
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [this] { return left_.load() == 0; });
      } else {
        Pause();
      }
  }

 private:
  static constexpr int kSpin = 2000;

  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void Work(int64_t id, uint64_t seen) {
    for (;;) {
      for (int spin = 0; epoch_.load() == seen && spin < kSpin; ++spin) Pause();
      void (*f)(void*, int64_t);
      void* context;
      int64_t parts;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return epoch_.load() != seen; });
        seen = epoch_.load();
        f = f_;
        context = context_;
        parts = parts_;
      }
      if (id >= parts) continue;
      f(context, id);
      if (left_.fetch_sub(1) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::mutex turn_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<int64_t> left_{0};
  int64_t workers_ = 0, parts_ = 0;
  void (*f_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
};

// Never destroyed: workers may outlive the program's last line. A forked child has no workers and takes a new pool.
Pool* pool = nullptr;

Pool* ThePool() {
  static const bool once = [] {
    pool = new Pool;
    pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
    return true;
  }();
  (void)once;
  return pool;
}

std::atomic<int> poisoned{0};

}  // namespace

extern "C" {

void peephole_parallel(int64_t parts, void (*f)(void*, int64_t), void* context) {
  if (parts == 1) return f(context, 0);
  ThePool()->Run(parts, f, context);
}

int peephole_is_poisoned(void) { return poisoned.load(); }

void peephole_poison(int on) { poisoned.store(on); }

int peephole_abi(void) { return PEEPHOLE_ABI; }

const char* peephole_isas(void) {
  static const std::string names = [] {
    std::string joined;
    for (const Build& build : Builds()) joined += (joined.empty() ? "" : " ") + std::string(build.name);
    return joined;
  }();
  return names.c_str();
}

const void* peephole_cell(const char* isa, const char* key) {
  const Isa* found = FindIsa(isa);
  return found == nullptr ? nullptr : found->find(key);
}

int peephole_forward(const char* isa, const PeepholeRun* run) { return FindIsa(isa)->forward(run); }

int peephole_backward(const char* isa, const PeepholeRun* run, const PeepholeGradients* gradients) {
  return FindIsa(isa)->backward(run, gradients);
}

int peephole_function(const char* isa, const char* name, int32_t dtype, int64_t n, const void* x, void* y) {
  const Isa* found = FindIsa(isa);
  return found == nullptr ? 1 : found->apply(name, dtype, n, x, y);
}

}  // extern "C"
