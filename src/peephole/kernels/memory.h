// Scratch memory of one call, cut from large pieces that are kept for the next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

extern "C" {
// A piece of at least `bytes`, aligned to a cache line, in large pages if that is a multiple of theirs; `bytes` becomes its size.
// Null when memory ran out.
void* peephole_take_memory(size_t* bytes);
void peephole_give_memory(void* piece, size_t bytes);
// Whether scratch is filled with NaN before use: for tests.
int peephole_is_poisoned(void);
}

namespace {

constexpr size_t kLargePage = size_t{2} << 20, kSmallPiece = size_t{64} << 10;

class Arena {
 public:
  // `scale`: the size of the largest things that will be asked for, about. A small call takes no large pages.
  explicit Arena(size_t scale) : grain_(scale < kLargePage / 2 ? kSmallPiece : kLargePage) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (last_ != nullptr) {
      Piece* const piece = last_;
      last_ = piece->before;
      peephole_give_memory(piece, piece->bytes);
    }
  }
  // n elements, aligned to a cache line, not cleared. Throws std::bad_alloc.
  template <class T> T* Get(int64_t n) {
    const size_t bytes = (static_cast<size_t>(n) * sizeof(T) + 63) / 64 * 64;
    if (bytes > left_) Grow(bytes);
    void* const p = next_;
    next_ += bytes;
    left_ -= bytes;
    if (peephole_is_poisoned()) std::memset(p, 0xff, bytes);
    return static_cast<T*>(p);
  }
  template <class T> T* Zeros(int64_t n) {
    T* p = Get<T>(n);
    std::memset(static_cast<void*>(p), 0, static_cast<size_t>(n) * sizeof(T));
    return p;
  }

 private:
  struct alignas(64) Piece {
    Piece* before;
    size_t bytes;
  };

  void Grow(size_t bytes) {
    size_t size = (bytes + sizeof(Piece) + grain_ - 1) / grain_ * grain_;
    Piece* const piece = static_cast<Piece*>(peephole_take_memory(&size));
    if (piece == nullptr) throw std::bad_alloc();
    piece->before = last_;
    piece->bytes = size;
    last_ = piece;
    next_ = reinterpret_cast<char*>(piece + 1);
    left_ = size - sizeof(Piece);
  }

  const size_t grain_;
  Piece* last_ = nullptr;
  char* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace
