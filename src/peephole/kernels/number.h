// The numbers of a call: how they are stored, computed with, and multiplied.
//
// S, the storage type, is what the rows of x and h, the weights and their gradients are. Real<S> is what everything else is:
// sums, gates, cell states. Factor<S> is what two numbers are when they are multiplied in a matrix product. All three are one
// type, but for bfloat16: computed with as float, and multiplied as bfloat16 only where an instruction does it.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

struct Bfloat16 { uint16_t bits; };
// A float whose products may be taken as sums of bfloat16: x is a high and a low part, and of the four products of two numbers' parts
// all but low times low are taken. What is left out is 2^-16 of the product or less.
struct High { float value; };
struct Part { uint16_t bits; };

template <class S> struct NumberOf { typedef S Real, Factor; };
template <> struct NumberOf<Bfloat16> {
  typedef float Real;
#if defined(__AVX512BF16__)
  typedef Bfloat16 Factor;
#else
  typedef float Factor;
#endif
};
template <> struct NumberOf<High> { typedef float Real; typedef Part Factor; };
template <> struct NumberOf<Part> { typedef float Real; };
template <class S> using Real = typename NumberOf<S>::Real;
template <class S> using Factor = typename NumberOf<S>::Factor;

// Numbers that one multiply-add instruction takes of each row: two bfloat16 stand in the place of one float.
template <class F> constexpr int64_t kPair = std::is_same<F, Bfloat16>::value || std::is_same<F, Part>::value ? 2 : 1;
// Numbers that stand for one.
template <class F> constexpr int64_t kParts = std::is_same<F, Part>::value ? 2 : 1;
// Whether such numbers are multiplied on AMX tiles (tiles.h), and how many of each row one instruction takes then: scratch is padded
// to so many with zeros where that costs nothing.
#if defined(__AMX_BF16__)
template <class F> constexpr bool kOnTiles = std::is_same<F, Bfloat16>::value || std::is_same<F, Part>::value;
#else
template <class F> constexpr bool kOnTiles = false;
#endif
template <class F> constexpr int64_t kDepth = kOnTiles<F> ? 32 : kPair<F>;
// Factors that a row of so many numbers has.
template <class F> constexpr int64_t FactorsOf(int64_t n) { return (n + kDepth<F> - 1) / kDepth<F> * kDepth<F> * kParts<F>; }

#if defined(__AVX512BW__)
// As below, a vector at a time; the last one masked.
inline void Convert(const Bfloat16* from, int64_t n, float* to) {
  for (int64_t k = 0; k < n; k += 16) {
    const __mmask16 some = static_cast<__mmask16>(n - k < 16 ? (1u << (n - k)) - 1 : 0xffff);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, from + k));
    _mm512_mask_storeu_epi32(to + k, some, _mm512_slli_epi32(wide, 16));
  }
}
inline __m256i ToBfloat16(__m512i bits) {
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512i size = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
  const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16));
}
inline void Convert(const float* from, int64_t n, Bfloat16* to) {
  for (int64_t k = 0; k < n; k += 16) {
    const __mmask16 some = static_cast<__mmask16>(n - k < 16 ? (1u << (n - k)) - 1 : 0xffff);
    _mm256_mask_storeu_epi16(to + k, some, ToBfloat16(_mm512_maskz_loadu_epi32(some, from + k)));
  }
}
#else
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
#endif
inline void Convert(const High* from, int64_t n, float* to) { std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float)); }
inline void Convert(const float* from, int64_t n, High* to) {
  std::memcpy(static_cast<void*>(to), from, static_cast<size_t>(n) * sizeof(float));
}
template <class T> inline void Convert(const T* from, int64_t n, T* to) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
}


// A row as factors: converted, and zeros up to FactorsOf(n).
template <class R, class F> inline void ToFactors(const R* from, int64_t n, F* to) {
  Convert(from, n, to);
  if (n < FactorsOf<F>(n)) std::memset(static_cast<void*>(to + n), 0, static_cast<size_t>(FactorsOf<F>(n) - n) * sizeof(F));
}
#if defined(__AMX_BF16__)
// The high parts of 32 numbers, then their low parts. What is not finite has no low part.
inline void ToFactors(const float* from, int64_t n, Part* to) {
  for (int64_t k = 0; k < n; k += 16) {
    const __mmask16 some = static_cast<__mmask16>(n - k < 16 ? (1u << (n - k)) - 1 : 0xffff);
    const __m512 x = _mm512_maskz_loadu_ps(some, from + k);
    const __m256i high = ToBfloat16(_mm512_castps_si512(x));
    const __m512 rounded = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
    const __mmask16 finite = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(rounded, 0x99));
    Part* const at = to + k / 32 * 64 + k % 32;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), high);
    const __m512 low = _mm512_maskz_sub_ps(finite, x, rounded);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at + 32), ToBfloat16(_mm512_castps_si512(low)));
  }
  if ((n + 15) / 16 % 2 != 0)
    for (int64_t part = 0; part < 2; ++part) std::memset(static_cast<void*>(to + n / 32 * 64 + 16 + 32 * part), 0, 32);
}
inline void ToFactors(const High* from, int64_t n, Part* to) { ToFactors(reinterpret_cast<const float*>(from), n, to); }
#endif

}  // namespace
