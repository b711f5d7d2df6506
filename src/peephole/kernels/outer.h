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
        for (int64_t e = 0; e < width; ++e)
          for (int64_t k = 0; k < kP; ++k) to[e * kP + k] = line[k][e];
        for (int64_t e = width * kP; e % (W * kP) != 0; ++e) to[e] = F();
      }
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
