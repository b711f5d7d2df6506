// Scratch memory of one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
// Whether scratch is filled with NaN before use: for tests.
int peephole_is_poisoned(void);
}

namespace {

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

}  // namespace
