// The numbers of a call: how they are stored, computed with, and multiplied.
//
// S, the storage type, is what the rows of x and h, the weights and their gradients are. Real<S> is what everything else is:
// sums, gates, cell states. Factor<S> is what two numbers are when they are multiplied in a matrix product. All three are one
// type, but for bfloat16: computed with as float, and multiplied as bfloat16 only where an instruction does it.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace {

struct Bfloat16 { uint16_t bits; };

template <class S> struct NumberOf { typedef S Real, Factor; };
template <> struct NumberOf<Bfloat16> {
  typedef float Real;
#if defined(__AVX512BF16__)
  typedef Bfloat16 Factor;
#else
  typedef float Factor;
#endif
};
template <class S> using Real = typename NumberOf<S>::Real;
template <class S> using Factor = typename NumberOf<S>::Factor;

// Numbers that one multiply-add instruction takes of each row: two bfloat16 stand in the place of one float.
template <class F> constexpr int64_t kPair = std::is_same<F, Bfloat16>::value ? 2 : 1;
// Whether such numbers are multiplied on AMX tiles (tiles.h), and how many of each row one instruction takes then: scratch is padded
// to so many with zeros where that costs nothing.
#if defined(__AMX_BF16__)
template <class F> constexpr bool kOnTiles = std::is_same<F, Bfloat16>::value;
#else
template <class F> constexpr bool kOnTiles = false;
#endif
template <class F> constexpr int64_t kDepth = kOnTiles<F> ? 32 : kPair<F>;

inline void Convert(const Bfloat16* from, int64_t n, float* to) {
  for (int64_t k = 0; k < n; ++k) {
    const uint32_t bits = static_cast<uint32_t>(from[k].bits) << 16;
    std::memcpy(to + k, &bits, 4);
  }
}
// To the nearest, ties to even; NaN stays NaN.
inline void Convert(const float* from, int64_t n, Bfloat16* to) {
  for (int64_t k = 0; k < n; ++k) {
    uint32_t bits;
    std::memcpy(&bits, from + k, 4);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to[k].bits = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
  }
}
template <class T> inline void Convert(const T* from, int64_t n, T* to) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
}

}  // namespace
