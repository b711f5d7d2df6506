// Vectors of the compiler, and the functions of the language of cells on them.
//
// Everything here is in an unnamed namespace: the file is compiled once per instruction set, and no copy may stand in for another.
// PEEPHOLE_BYTES is the width of a vector in bytes: 16 (baseline), 32 (AVX2), 64 (AVX-512).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

typedef float Float __attribute__((vector_size(PEEPHOLE_BYTES)));
typedef double Double __attribute__((vector_size(PEEPHOLE_BYTES)));

template <class V> struct Traits;
// `Loose` lies in memory at any address: a copy by memcpy would be the same, but g++ takes it through the stack.
template <> struct Traits<Float> {
  typedef float Loose __attribute__((vector_size(PEEPHOLE_BYTES), aligned(4), may_alias));
  typedef float Scalar;
  typedef int32_t Integer __attribute__((vector_size(PEEPHOLE_BYTES)));
};
template <> struct Traits<Double> {
  typedef double Loose __attribute__((vector_size(PEEPHOLE_BYTES), aligned(8), may_alias));
  typedef double Scalar;
  typedef int64_t Integer __attribute__((vector_size(PEEPHOLE_BYTES)));
};
template <class V> using Scalar = typename Traits<V>::Scalar;
template <class V> using Integer = typename Traits<V>::Integer;
template <class T> struct VectorOf;
template <> struct VectorOf<float> { typedef Float Type; };
template <> struct VectorOf<double> { typedef Double Type; };

// Loops marked with it are unrolled before anything else, so that small arrays of vectors are registers from the first line to the
// last: left to itself, g++ carries them through the stack.
#define PEEPHOLE_UNROLL _Pragma("GCC unroll 16")

template <class V> constexpr int64_t kWidth = sizeof(V) / sizeof(Scalar<V>);

// Subtracting zero changes no number, not even -0, so that this is one broadcast; adding it would be an addition.
template <class V> inline V Broadcast(Scalar<V> x) { return x - V{}; }
template <class V> inline V Splat(double x) { return Broadcast<V>(static_cast<Scalar<V>>(x)); }

// A vector at `p`, or its first n elements and zeros.
template <class V, bool full> inline V Load(const Scalar<V>* p, int64_t n) {
  V v;
  if constexpr (full) {
    v = *reinterpret_cast<const typename Traits<V>::Loose*>(p);
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(Scalar<V>) == 4) return (V)_mm512_maskz_loadu_ps((1u << n) - 1, p);
    else return (V)_mm512_maskz_loadu_pd((1u << n) - 1, p);
#else
    v = V{};
    for (int64_t k = 0; k < n; ++k) v[k] = p[k];
#endif
  }
  return v;
}

template <bool full, class V> inline void Store(Scalar<V>* p, V v, int64_t n) {
  if constexpr (full) {
    *reinterpret_cast<typename Traits<V>::Loose*>(p) = v;
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(Scalar<V>) == 4) _mm512_mask_storeu_ps(p, (1u << n) - 1, (__m512)v);
    else _mm512_mask_storeu_pd(p, (1u << n) - 1, (__m512d)v);
#else
    for (int64_t k = 0; k < n; ++k) p[k] = v[k];
#endif
  }
}

template <class V> inline Integer<V> SignOf(V x) {
  Integer<V> sign = {};
  sign += static_cast<decltype(sign[0] + 0)>(1) << (8 * sizeof(Scalar<V>) - 1);
  return (Integer<V>)x & sign;
}
template <class V> inline V Abs(V x) { return (V)((Integer<V>)x ^ SignOf(x)); }
// NaN if either is: a comparison with NaN is false, and x != x only for NaN.
template <class V> inline V Minimum(V x, V y) { return ((x < y) | (x != x)) ? x : y; }
template <class V> inline V Maximum(V x, V y) { return ((x > y) | (x != x)) ? x : y; }
template <class V> inline V Relu(V x) { return x < 0 ? V{} : x; }
template <class V> inline V Positive(V x) { return x > 0 ? Splat<V>(1) : V{}; }
// What is held, where it is no NaN; elsewhere the rest.
template <class V> inline V Held(V held, V free) { return held == held ? held : free; }
// A gradient where nothing is held.
template <class V> inline V WhereFree(V held, V gradient) { return held == held ? V{} : gradient; }

// 2^n for integers n of the exponent's normal range.
inline Float PowerOfTwo(Integer<Float> n) { return (Float)((n + 127) << 23); }
inline Double PowerOfTwo(Integer<Double> n) { return (Double)((n + 1023) << 52); }

// Adding and subtracting 1.5 * 2^(mantissa bits) rounds to the nearest integer, and leaves that integer in the low bits.
template <class V> constexpr double kRounder = sizeof(Scalar<V>) == 4 ? 12582912.0 : 6755399441055744.0;

// exp(r) for |r| <= ln(2)/2.
inline Float ExpNearZero(Float r) {  // Cephes expf (Moshier): the minimax polynomial of degree 6
  Float p = Splat<Float>(1.9875691500e-4);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r + 1.0f;
}
inline Double ExpNearZero(Double r) {  // Taylor to degree 13: the next term is below 5e-18
  Double p = Splat<Double>(1.0 / 6227020800.0);
  const double terms[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                          1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0};
  for (double term : terms) p = p * r + term;
  return p;
}

// Clamped from both sides; NaN stays NaN, since neither comparison holds for it.
template <class V> inline V Clamp(V x, double low, double high) {
  const V l = Splat<V>(low), h = Splat<V>(high);
#if defined(__AVX512F__)
  // The second operand is returned where one is NaN. (g++ makes a comparison and a blend of what stands below.)
  if constexpr (sizeof(Scalar<V>) == 4) return (V)_mm512_min_ps((__m512)h, _mm512_max_ps((__m512)l, (__m512)x));
  else return (V)_mm512_min_pd((__m512d)h, _mm512_max_pd((__m512d)l, (__m512d)x));
#endif
  x = x < l ? l : x;
  return x > h ? h : x;
}

// exp(sign * x) for x such that the result is a normal number. The sign costs nothing here.
template <int sign, class V> inline V ExpNormal(V x) {
  constexpr bool single = sizeof(Scalar<V>) == 4;
  const V shifted = x * Splat<V>(sign * 1.44269504088896340736) + Splat<V>(kRounder<V>);
  const V n = shifted - Splat<V>(kRounder<V>);
  // ln(2) in two parts, the first with so few bits that n times it is exact (Cody & Waite).
  const V high = n * Splat<V>(single ? 0.693359375 : 6.93145751953125e-1);
  V r = sign > 0 ? x - high : -high - x;
  r = r - n * Splat<V>(single ? -2.12194440e-4 : 1.42860682030941723212e-6);
#if defined(__AVX512F__)
  if constexpr (single) return (V)_mm512_maskz_scalef_ps(0xffff, (__m512)ExpNearZero(r), (__m512)n);
#endif
  const Integer<V> bits = (Integer<V>)shifted - (Integer<V>)Splat<V>(kRounder<V>);
  return ExpNearZero(r) * PowerOfTwo(bits);
}

template <class V> constexpr double kExpLimit = sizeof(Scalar<V>) == 4 ? 87.0 : 708.0;

// exp. Max error 3 ULP where the result is normal; 0 below, infinity above; NaN stays NaN. Checked by tests/kernels/test_functions.py.
template <class V> inline V Exp(V x) {
  const double limit = kExpLimit<V>;
  const V half = ExpNormal<1>(Clamp(x, -limit, limit));
  const V rest = x - Clamp(x, -limit, limit);  // beyond the limit, one more factor reaches the ends of the range
  V result = half;
  const auto outside = (x > Splat<V>(limit)) | (x < Splat<V>(-limit));
  bool any = false;
  for (int64_t k = 0; k < kWidth<V>; ++k) any |= outside[k] != 0;
  if (any) result = outside ? half * ExpNormal<1>(Clamp(rest, -limit, limit)) : half;
  return result;
}

// 1 / d for d in [2^-126, 2^126].
template <class V> inline V Reciprocal(V d) {
#if defined(__AVX512F__)
  // A division takes 16 cycles, an estimate of 14 bits and one step of Newton's 5. The step leaves an error below 1 ULP.
  if constexpr (sizeof(Scalar<V>) == 4) {
    const V y = (V)_mm512_maskz_rcp14_ps(0xffff, (__m512)d);
    return y + y * (Splat<V>(1) - d * y);
  }
#endif
  return Splat<V>(1) / d;
}

// 1 / (1 + exp(-x)). Max error 4 ULP for x >= -87 (float32) or -708 (float64); below, the value there, which is under 2e-38.
// NaN stays NaN. Checked by tests/kernels/test_functions.py, as are all bounds here.
template <class V> inline V Sigmoid(V x) {
  const V e = ExpNormal<-1>(Clamp(x, -kExpLimit<V>, kExpLimit<V>));
  return Reciprocal(e + Splat<V>(1));
}

// tanh, max error 6 ULP; the sign of zero is kept, NaN stays NaN, and no result lies beyond -1 or 1.
// float32: an odd rational function (the coefficients are Eigen's), which needs no exponential; 1 from 9 on.
inline Float Tanh(Float x) {
  const Float a = Clamp(x, -9.0, 9.0), z = a * a;
  Float p = Splat<Float>(-2.76076847742355e-16);
  p = p * z + 2.00018790482477e-13f;
  p = p * z - 8.60467152213735e-11f;
  p = p * z + 5.12229709037114e-08f;
  p = p * z + 1.48572235717979e-05f;
  p = p * z + 6.37261928875436e-04f;
  p = p * z + 4.89352455891786e-03f;
  Float q = Splat<Float>(1.19825839466702e-06);
  q = q * z + 1.18534705686654e-04f;
  q = q * z + 2.26843463243900e-03f;
  q = q * z + 4.89352518554385e-03f;
  // Beyond the clamp exactly -1 or 1, so that the derivative 1 - t * t is exactly zero there. (NaN equals nothing and stays.)
  return x == a ? Clamp(a * p * Reciprocal(q), -1.0, 1.0) : a * (1.0f / 9.0f);
}
// float64 (Cephes): near zero an odd function, because 1 - exp(-2|x|) cancels there; elsewhere exp of a negative number only.
inline Double Tanh(Double x) {
  const Double a = Clamp(Abs(x), 0.0, 40.0), one = Splat<Double>(1);
  const Double e = ExpNormal<-1>(a + a);
  const Double large = (one - e) / (one + e);
  const Double z = a * a;
  const Double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
  const Double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
  const Double small = a + a * (z * (p / q));
  return (Double)((Integer<Double>)(a < Splat<Double>(0.625) ? small : large) | SignOf(x));
}

// Of two rows of a square that lie `half` apart, one with their first and one with their second halves exchanged. The numbers of the
// elements are constants in the text: computed in a loop, g++ makes the vectors of them anew for every exchange.
template <int half, bool second, class V, int... e> inline V Exchange(V a, V b, std::integer_sequence<int, e...>) {
  constexpr int W = kWidth<V>;
#if defined(__clang__)
  return __builtin_shufflevector(a, b, ((e & half) == 0 ? e + second * half : W + e - !second * half)...);
#else
  return __builtin_shuffle(a, b, Integer<V>{((e & half) == 0 ? e + second * half : W + e - !second * half)...});
#endif
}

// A square of W vectors, rows for columns: log2(W) rounds, each of which exchanges the halves of pairs of rows.
template <class V, int half = kWidth<V> / 2> inline void TransposeBlock(V (&rows)[kWidth<V>]) {
  constexpr int W = kWidth<V>;
  constexpr auto all = std::make_integer_sequence<int, W>();
  PEEPHOLE_UNROLL
  for (int r = 0; r < W; ++r)
    if ((r & half) == 0) {
      const V a = rows[r], b = rows[r + half];
      rows[r] = Exchange<half, false>(a, b, all);
      rows[r + half] = Exchange<half, true>(a, b, all);
    }
  if constexpr (half > 1) TransposeBlock<V, half / 2>(rows);
}

// log(1 + x), element by element by the C library: no shipped cell uses it.
template <class V> inline V Log1p(V x) {
  for (int64_t k = 0; k < kWidth<V>; ++k) x[k] = std::log1p(x[k]);
  return x;
}

}  // namespace
