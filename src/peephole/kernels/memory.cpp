// Where scratch memory comes from: pieces in large pages where the system has them, and a few kept from call to call.
//
// Weights that a step reads again and again should stay in the second-level cache. In pages of 4 KiB, scattered over memory as they
// come, some of its sets get too many of them; in a page of 2 MiB all get the same. Such a page takes long to clear, so it is kept.
#include "memory.h"

#include <cstdlib>
#include <mutex>

#if defined(_WIN32)
#include <malloc.h>
#else
#include <pthread.h>
#include <sys/mman.h>
#endif

namespace {

constexpr size_t kKeptPieces = 16, kKeptBytes = size_t{64} << 20;

struct Kept {
  std::mutex mutex;
  void* piece[kKeptPieces];
  size_t bytes[kKeptPieces];
  size_t count = 0, total = 0;
};

// Never destroyed: a call may be under way while the program ends.
Kept& TheKept() {
  static Kept* const kept = [] {
    Kept* made = new Kept;
#if !defined(_WIN32)
    // A child is forked with the mutex free, whatever other threads do at that moment.
    pthread_atfork([] { TheKept().mutex.lock(); }, [] { TheKept().mutex.unlock(); }, [] { TheKept().mutex.unlock(); });
#endif
    return made;
  }();
  return *kept;
}

void* Allocate(size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, 64);
#else
  void* piece = nullptr;
  const bool is_large = bytes % kLargePage == 0;
  if (posix_memalign(&piece, is_large ? kLargePage : 64, bytes) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (is_large) madvise(piece, bytes, MADV_HUGEPAGE);  // a wish: memory works without
#endif
  return piece;
#endif
}

void Free(void* piece) {
#if defined(_WIN32)
  _aligned_free(piece);
#else
  std::free(piece);
#endif
}

}  // namespace

extern "C" {

void* peephole_take_memory(size_t* bytes) {
  Kept& kept = TheKept();
  {
    std::lock_guard<std::mutex> lock(kept.mutex);
    size_t best = kKeptPieces;
    for (size_t k = 0; k < kept.count; ++k)
      if (kept.bytes[k] >= *bytes && (best == kKeptPieces || kept.bytes[k] < kept.bytes[best])) best = k;
    if (best != kKeptPieces) {
      void* const piece = kept.piece[best];
      *bytes = kept.bytes[best];
      kept.total -= *bytes;
      --kept.count;
      kept.piece[best] = kept.piece[kept.count];
      kept.bytes[best] = kept.bytes[kept.count];
      return piece;
    }
  }
  return Allocate(*bytes);
}

void peephole_give_memory(void* piece, size_t bytes) {
  Kept& kept = TheKept();
  {
    std::lock_guard<std::mutex> lock(kept.mutex);
    if (kept.count < kKeptPieces && kept.total + bytes <= kKeptBytes) {
      kept.piece[kept.count] = piece;
      kept.bytes[kept.count] = bytes;
      ++kept.count;
      kept.total += bytes;
      return;
    }
  }
  Free(piece);
}

}  // extern "C"
