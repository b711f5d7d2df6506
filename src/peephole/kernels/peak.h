// What this machine can do at best: multiply-adds that touch nothing but registers. The benchmarks state speeds as a share of it.
#pragma once

#include "tiles.h"
#include "vector.h"

namespace {

// Independent sums, so that a multiply-add never waits for the one before it: more than latency times ports (4 × 2 on the x86
// machines, 4 × 4 on wide Arm cores), and with the two operands within the registers that there are.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kPeakSums = 24;
#else
constexpr int kPeakSums = 12;
#endif

template <class V> double PeakOf(int64_t repetitions) {
  // x and w are not known while compiling; sum = sum * x + w goes to 2 and stays there, far from infinities and denormals.
  volatile Scalar<V> half = static_cast<Scalar<V>>(0.5), one = 1;
  const V x = Broadcast<V>(half), w = Broadcast<V>(one);
  V sum[kPeakSums];
  _Pragma("GCC unroll 32")
  for (int k = 0; k < kPeakSums; ++k) sum[k] = Splat<V>(k);
  for (int64_t n = 0; n < repetitions; ++n) {
    _Pragma("GCC unroll 32")
    for (int k = 0; k < kPeakSums; ++k) sum[k] = sum[k] * x + w;
  }
  volatile Scalar<V> sink = 0;  // read by nobody, but the compiler must not know
  _Pragma("GCC unroll 32")
  for (int k = 0; k < kPeakSums; ++k) sink = sink + sum[k][0];
  return static_cast<double>(repetitions) * kPeakSums * kWidth<V>;
}

#if defined(__AMX_BF16__)
double PeakOfBfloat16(int64_t repetitions) {
  // Four sums of 16 by 16, each 32 numbers deep. The registers hold zeros: the speed does not depend on the numbers.
  const TilesInUse guard;
  ShapeTiles(kTileRows, kTileRows, kTilePairs);
  for (int64_t n = 0; n < repetitions; ++n) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  return static_cast<double>(repetitions) * 4 * kTileRows * kTileRows * 2 * kTilePairs;
}
#elif defined(__AVX512BF16__)
double PeakOfBfloat16(int64_t repetitions) {
  // The dot product of pairs: 32 multiply-adds an instruction. (1, −1) · (1, 1) adds zero.
  volatile uint32_t pair = 0xBF803F80u, ones = 0x3F803F80u;
  const __m512bh x = (__m512bh)_mm512_set1_epi32(static_cast<int>(pair));
  const __m512bh w = (__m512bh)_mm512_set1_epi32(static_cast<int>(ones));
  __m512 sum[kPeakSums];
  _Pragma("GCC unroll 32")
  for (int k = 0; k < kPeakSums; ++k) sum[k] = _mm512_set1_ps(static_cast<float>(k));
  for (int64_t n = 0; n < repetitions; ++n) {
    _Pragma("GCC unroll 32")
    for (int k = 0; k < kPeakSums; ++k) sum[k] = _mm512_dpbf16_ps(sum[k], x, w);
  }
  volatile float sink = 0;
  _Pragma("GCC unroll 32")
  for (int k = 0; k < kPeakSums; ++k) sink = sink + sum[k][0];
  return static_cast<double>(repetitions) * kPeakSums * 32;
}
#endif

// Multiply-adds done. bfloat16 (dtype 2) without a dot product of its own is multiplied as float32.
double Peak(int32_t dtype, int64_t repetitions) {
  if (dtype == 1) return PeakOf<Double>(repetitions);
#if defined(__AVX512BF16__)
  if (dtype == 2) return PeakOfBfloat16(repetitions);
#endif
  return PeakOf<Float>(repetitions);
}

}  // namespace
