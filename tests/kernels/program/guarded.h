// Memory whose borders are watched.
//
// The last byte lies at the end of a page, and the page behind it (as the page before the first one) may not be touched: whatever
// reads or writes beyond the end stops the program, masked and hand-written instructions included, of which sanitizers know nothing.
// Between the page's begin and the first byte lies a pattern, which is compared afterwards.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

// `bytes` bytes, all set to `fill`; aligned to as large a power of two as divides `bytes`, up to a page. Null if there are none.
inline void* TakeGuarded(size_t bytes, int fill);
inline void FreeGuarded(void* data, size_t bytes);
// From here on it may be read only.
inline void Freeze(void* data, size_t bytes);
// Whether the pattern before the first byte is as it was.
inline bool IsIntact(const void* data, size_t bytes);

constexpr unsigned char kPattern = 0xa5;

#if defined(_WIN32)

// Without pages that may not be touched: a pattern on both sides.
constexpr size_t kBorder = 4096;

inline void* TakeGuarded(size_t bytes, int fill) {
  unsigned char* const base = static_cast<unsigned char*>(_aligned_malloc(bytes + 2 * kBorder, kBorder));
  if (base == nullptr) return nullptr;
  std::memset(base, kPattern, bytes + 2 * kBorder);
  std::memset(base + kBorder, fill, bytes);
  return base + kBorder;
}
inline void FreeGuarded(void* data, size_t) { _aligned_free(static_cast<unsigned char*>(data) - kBorder); }
inline void Freeze(void*, size_t) {}
inline bool IsIntact(const void* data, size_t bytes) {
  const unsigned char* const p = static_cast<const unsigned char*>(data);
  for (size_t k = 0; k < kBorder; ++k)
    if (*(p - 1 - k) != kPattern || p[bytes + k] != kPattern) return false;
  return true;
}

#else

inline size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
inline size_t WholePages(size_t bytes) { return (bytes + PageSize() - 1) / PageSize() * PageSize(); }
inline unsigned char* FirstPage(const void* data, size_t bytes) {
  return const_cast<unsigned char*>(static_cast<const unsigned char*>(data)) + bytes - WholePages(bytes);
}

inline void* TakeGuarded(size_t bytes, int fill) {
  const size_t inner = WholePages(bytes), page = PageSize();
  void* const all = mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  unsigned char* const first = static_cast<unsigned char*>(all) + page;
  if (inner > 0 && mprotect(first, inner, PROT_READ | PROT_WRITE) != 0) return nullptr;
  std::memset(first, kPattern, inner - bytes);
  std::memset(first + inner - bytes, fill, bytes);
  return first + inner - bytes;
}
inline void FreeGuarded(void* data, size_t bytes) {
  munmap(FirstPage(data, bytes) - PageSize(), WholePages(bytes) + 2 * PageSize());
}
inline void Freeze(void* data, size_t bytes) {
  if (bytes > 0) mprotect(FirstPage(data, bytes), WholePages(bytes), PROT_READ);
}
inline bool IsIntact(const void* data, size_t bytes) {
  for (const unsigned char* p = FirstPage(data, bytes); p != data; ++p)
    if (*p != kPattern) return false;
  return true;
}

#endif
