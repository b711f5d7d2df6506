// Where threads come from: the OpenMP runtime that the process already has, if asked to share it, otherwise a pool of our own.
//
// Torch's threads watch for work for milliseconds after each of its operations. A second pool beside it would share the processors
// with that watching; taking turns with the same threads costs nothing.
#include "threads.h"

#include "peephole.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#if !defined(_WIN32)
#include <dlfcn.h>
#include <pthread.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace {

typedef void (*Task)(void*, int64_t id, int64_t size);

// One task at a time. Workers watch for the next one for a little while, then sleep.
class Pool {
 public:
  void Run(int64_t threads, Task f, void* context) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock() || !Grow(threads - 1)) return f(context, 0, 1);  // another call has the threads, or there are none
    left_.store(threads - 1);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      threads_ = threads;
      f_ = f;
      context_ = context;
      epoch_.fetch_add(1);
    }
    wake_.notify_all();
    f(context, 0, threads);
    for (int64_t spin = 0; left_.load() != 0; ++spin) {
      if (spin < kSpin) {
        peephole_pause(0);
        continue;
      }
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return left_.load() == 0; });
    }
  }

 private:
  static constexpr int64_t kSpin = 2000;

  bool Grow(int64_t workers) {
    while (workers_ < workers) {
      try {
        std::thread(&Pool::Work, this, workers_ + 1, epoch_.load()).detach();
      } catch (const std::system_error&) {
        return false;
      }
      ++workers_;
    }
    return true;
  }

  void Work(int64_t id, uint64_t seen) {
    for (;;) {
      for (int64_t spin = 0; epoch_.load() == seen && spin < kSpin; ++spin) peephole_pause(0);
      Task f;
      void* context;
      int64_t threads;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return epoch_.load() != seen; });
        seen = epoch_.load();
        f = f_;
        context = context_;
        threads = threads_;
      }
      if (id >= threads) continue;
      f(context, id, threads);
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
  int64_t workers_ = 0, threads_ = 0;
  Task f_ = nullptr;
  void* context_ = nullptr;
};

// The three functions of an OpenMP runtime, by the names under which GNU's, LLVM's and Intel's have them on Linux.
struct OpenMp {
  void (*parallel)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
  int (*id)(void) = nullptr;
  int (*size)(void) = nullptr;
};

OpenMp openmp;
std::atomic<bool> is_shared{false};

// Never destroyed: workers may outlive the program's last line. A forked child has no workers, neither of ours nor of OpenMP, whose
// runtime would wait for them for ever: it takes a new pool.
Pool* pool = nullptr;

Pool* ThePool() {
  static const bool once = [] {
    pool = new Pool;
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] {
      pool = new Pool;
      is_shared.store(false);
    });
#endif
    return true;
  }();
  (void)once;
  return pool;
}

}  // namespace

extern "C" {

void peephole_pause(int64_t turn) {
  if (turn < 4000) {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
    __asm__ volatile("yield");
#endif
  } else if (turn < 8000) {
    std::this_thread::yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

int peephole_share_threads(void) {
#if !defined(_WIN32)
  ThePool();
  OpenMp found;
  found.parallel = reinterpret_cast<decltype(found.parallel)>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  found.id = reinterpret_cast<decltype(found.id)>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  found.size = reinterpret_cast<decltype(found.size)>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  if (found.parallel != nullptr && found.id != nullptr && found.size != nullptr) {
    openmp = found;
    is_shared.store(true);
  }
#endif
  return is_shared.load();
}

void peephole_team(int64_t threads, Task f, void* context) {
  if (threads <= 1) return f(context, 0, 1);
  if (!is_shared.load()) return ThePool()->Run(threads, f, context);
  struct Call {
    Task f;
    void* context;
  } call{f, context};
  openmp.parallel(
      [](void* p) {
        const Call& c = *static_cast<Call*>(p);
        c.f(c.context, openmp.id(), openmp.size());
      },
      &call, static_cast<unsigned>(threads), 0);
}

}  // extern "C"
