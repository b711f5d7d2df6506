// Gradients of a matrix: sums, over the rows of a block, of what a lane's gradient is times what its product multiplied.
//
// The gradients of the lanes are turned round first, so that a row of the product is a lane of one unit over all rows of the block.
#pragma once

#include "product.h"
#include "work.h"

namespace {

template <class S> struct OuterProducts {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>;
  static constexpr int64_t kGroup = kMaxVectors * W;  // units of an output that a tile covers

  F* gathered;         // [rows / pair][gathered_row][pair] rows of a source
  F* turned;           // [lanes * H, or P][turned_row]
  int64_t turned_row;
  F* line[2];          // a row each

  // out[u][r] = d[r][u], as factors, for units from `begin` to `end`; zero beyond the last row up to a whole pair, or tile.
  static void Turn(const T* d, int64_t d_row, int64_t rows, int64_t begin, int64_t end, F* out, int64_t out_row) {
    int64_t u = begin;
    for (; u + W <= end; u += W) {
      int64_t r = 0;
      for (; r + W <= rows; r += W) {
        V block[W];
        for (int64_t e = 0; e < W; ++e) block[e] = Load<V, true>(d + (r + e) * d_row + u, W);
        TransposeBlock(block);
        for (int64_t e = 0; e < W; ++e) {
          T line[W];
          std::memcpy(line, &block[e], sizeof(V));
          Convert(line, W, out + (u + e) * out_row + r);
        }
      }
      for (; r < rows; ++r)
        for (int64_t e = 0; e < W; ++e) Convert(d + r * d_row + u + e, 1, out + (u + e) * out_row + r);
    }
    for (; u < end; ++u)
      for (int64_t r = 0; r < rows; ++r) Convert(d + r * d_row + u, 1, out + u * out_row + r);
    const int64_t rest = RoundUp(rows, kDepth<F>) - rows;
    for (u = begin; u < end && rest > 0; ++u)
      std::memset(static_cast<void*>(out + u * out_row + rows), 0, static_cast<size_t>(rest) * sizeof(F));
  }

  // Likewise of factors. Two rows of pairs' halves, interleaved, are a row of pairs, of which squares are turned.
  static void TurnFactors(const F* d, int64_t d_row, int64_t rows, int64_t begin, int64_t end, F* out, int64_t out_row) {
#if defined(__AVX512BF16__)
    if constexpr (kP == 2) {
      constexpr int64_t kRows = 2 * W;
      for (int64_t r = 0; r < RoundUp(rows, kDepth<F>); r += kRows)
        for (int64_t u = begin; u < end; u += W) {
          const int64_t units = end - u < W ? end - u : W;
          const __mmask16 some = static_cast<__mmask16>((1u << units) - 1);
          V block[W];
          PEEPHOLE_UNROLL
          for (int64_t e = 0; e < W; ++e) {
            const F* const pair = d + (r + 2 * e) * d_row + u;
            const __mmask16 first = r + 2 * e < rows ? some : 0, second = r + 2 * e + 1 < rows ? some : 0;
            const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first, pair));
            const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second, pair + d_row));
            block[e] = (V)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
          }
          TransposeBlock(block);
          for (int64_t e = 0; e < units; ++e) std::memcpy(static_cast<void*>(out + (u + e) * out_row + r), &block[e], sizeof(V));
        }
      return;
    }
#endif
    if constexpr (kP == 1) Turn(d, d_row, rows, begin, end, out, out_row);
  }

  // The rows of a source side by side, in pairs; a place beyond the last is zero.
  template <class Write> void GatherRows(const Place& place, int64_t rows, int64_t width, const Write& write) const {
    const int64_t step = RoundUp(width, W) + W, pairs = RoundUp(rows, kDepth<F>) / kP;
    for (int64_t i = place.Begin(pairs); i < place.End(pairs); ++i) {
      F* const to = gathered + i * step * kP;
      if constexpr (kP == 1) {
        write(i, to);
        for (int64_t e = width; e % W != 0; ++e) to[e] = F();
      } else {
        for (int64_t k = 0; k < kP; ++k) {
          if (i * kP + k < rows) write(i * kP + k, line[k]);
          else std::memset(static_cast<void*>(line[k]), 0, static_cast<size_t>(width) * sizeof(F));
        }
        Interleave(line[0], line[1], width, to);
        for (int64_t e = width * kP; e % (W * kP) != 0; ++e) to[e] = F();
      }
    }
  }

  static void Interleave(const F* a, const F* b, int64_t n, F* to) {
    int64_t e = 0;
#if defined(__AVX512BF16__)
    for (; e + W <= n; e += W) {
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + e)));
      const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + e)));
      _mm512_storeu_si512(to + 2 * e, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
#endif
    for (; e < n; ++e) {
      to[2 * e] = a[e];
      to[2 * e + 1] = b[e];
    }
  }

  // out[j][k] += sum over rows of d[j][row] * gathered[row][k], for j < units and k < width; out has rows of whole vectors.
  void AddOuter(const F* d, int64_t units, int64_t width, int64_t rows, T* out, int64_t out_row, bool is_first) const {
    const int64_t step = RoundUp(width, W) + W;
    for (int64_t first = 0; first < width; first += kGroup) {
      const int64_t left = (width - first + W - 1) / W, vectors = left < kMaxVectors ? left : kMaxVectors;
      TileProduct<F> t;
      t.w = gathered + first * kP;
      t.w_step = step * kP;
      t.count = RoundUp(rows, kDepth<F>) / kP;
      t.to = out + first;
      t.to_row = out_row;
      t.from = is_first ? nullptr : t.to;
      t.from_row = out_row;
      MultiplyRows(units, vectors, [&](int64_t j) { return d + j * turned_row; }, t);
    }
  }
};

}  // namespace
