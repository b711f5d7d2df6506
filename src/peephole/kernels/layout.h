// How the forward pass lays out lanes and weights.
//
// The lanes of a phase lie in groups of `unit` blocks of one vector each, in a group lane by lane: a tile of the product is all
// lanes of the same units. A phase of few lanes takes several blocks together, so that a tile has work for all accumulators.
#pragma once

#include "product.h"
#include "work.h"

namespace {

template <class T> struct Phase {
  int first, lanes;
  int64_t unit, groups, row;  // row: elements per row, padded so that rows do not fall on the same cache sets
  T* bias;                    // one row
};

template <class F> struct Pass {
  Range range;
  int64_t K, pairs;
  F* packed;  // [groups][pairs][lanes * unit vectors]
};

template <class S> struct Layout {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>;

  const PeepholeRun& run;
  const CellTable& cell;
  const Sizes<S>& sizes;
  Phase<T> phase[kMax];
  Pass<F> pass[kMax];
  int passes;
  F* projection = nullptr;  // [groups of 4 vectors][H][.]

  Layout(const PeepholeRun& run, const CellTable& cell, const Sizes<S>& sizes, Arena& arena) : run(run), cell(cell), sizes(sizes) {
    for (int p = 0; p < cell.phases; ++p) {
      Phase<T>& at = phase[p];
      at.first = cell.first_lane[p];
      at.lanes = cell.first_lane[p + 1] - at.first;
      at.unit = at.lanes == 0 || at.lanes > 2 ? 1 : kMaxVectors / at.lanes;
      at.groups = (sizes.blocks + at.unit - 1) / at.unit;
      at.row = at.lanes * sizes.padded + W;
      at.bias = arena.Zeros<T>(at.row);
    }
    Range ranges[kMax];
    passes = FindRanges(cell, true, ranges);
    for (int k = 0; k < passes; ++k) {
      pass[k].range = ranges[k];
      pass[k].K = sizes.SourceWidth(cell.source[ranges[k].source]);
      pass[k].pairs = FactorsOf<F>(pass[k].K) / kP;
      pass[k].packed = arena.Get<F>(pass[k].pairs * kP * ranges[k].lanes * sizes.padded);
    }
    if (run.weight_hr != nullptr) projection = arena.Get<F>(FactorsOf<F>(sizes.H) * RoundUp(sizes.P, W));
  }

  int64_t RowBytes() const {
    int64_t total = 0;
    for (int p = 0; p < cell.phases; ++p) total += phase[p].row * static_cast<int64_t>(sizeof(T));
    return total;
  }

  // Blocks of group g.
  int64_t InGroup(const Phase<T>& p, int64_t g) const {
    const int64_t rest = sizes.blocks - g * p.unit;
    return rest < p.unit ? rest : p.unit;
  }

  const F* Weights(int k, int64_t g) const {
    return pass[k].packed + g * phase[pass[k].range.phase].unit * pass[k].range.lanes * pass[k].pairs * W * kP;
  }

  // W rows of a matrix, from `first`, become column vectors: out[k * step + e] = w[first + e][k], pairs of k side by side; rows
  // beyond the last are zero, and so is what rounds K up.
  static void Transpose(const S* w, int64_t rows, int64_t K, int64_t first, F* out, int64_t step) {
    const int64_t real = rows - first < W ? rows - first : W, pairs = FactorsOf<F>(K) / kP;
    if (real < W || K % kDepth<F> != 0)
      for (int64_t k = 0; k < pairs; ++k) std::memset(static_cast<void*>(out + k * step), 0, W * kP * sizeof(F));
    if constexpr (kParts<F> > 1) {  // blocks as ToFactors makes them: the high parts of a tile, and the low ones
      constexpr int64_t kBlock = kDepth<F>;
      for (int64_t k = 0; k < K; k += kBlock) {
        alignas(64) F piece[W][kBlock * kParts<F>];
        for (int64_t e = 0; e < real; ++e) ToFactors(w + (first + e) * K + k, K - k < kBlock ? K - k : kBlock, piece[e]);
        for (int64_t part = 0; part < kParts<F>; ++part) {
          V block[W] = {};
          for (int64_t e = 0; e < real; ++e) std::memcpy(&block[e], piece[e] + part * kBlock, sizeof(V));
          TransposeBlock(block);
          for (int64_t e = 0; e < W; ++e)
            std::memcpy(static_cast<void*>(out + (k / kBlock * 2 + part) * W * step + e * step), &block[e], sizeof(V));
        }
      }
    } else {
      int64_t k = 0;
      if (real == W && K % kP == 0) {
        for (; k + W * kP <= K; k += W * kP) {
          V block[W];
          for (int64_t e = 0; e < W; ++e) {
            alignas(64) F piece[W * kP];
            Convert(w + (first + e) * K + k, W * kP, piece);
            std::memcpy(&block[e], piece, sizeof(V));
          }
          TransposeBlock(block);
          for (int64_t e = 0; e < W; ++e) std::memcpy(static_cast<void*>(out + (k / kP + e) * step), &block[e], sizeof(V));
        }
      }
      for (; k < K; ++k)
        for (int64_t e = 0; e < real; ++e) Convert(w + (first + e) * K + k, 1, out + k / kP * step + e * kP + k % kP);
    }
  }

  // Packing is cut into jobs, one per group of a pass, and one more each for the biases and the projection.
  int64_t PackJobs() const {
    int64_t jobs = 0;
    for (int k = 0; k < passes; ++k) jobs += phase[pass[k].range.phase].groups;
    return jobs + 1 + (projection != nullptr);
  }

  void Pack(int64_t job) const {
    for (int k = 0; k < passes; ++k) {
      const Pass<F>& ps = pass[k];
      const Phase<T>& p = phase[ps.range.phase];
      if (job < p.groups) {
        const int64_t units = InGroup(p, job), step = ps.range.lanes * units * W * kP;
        F* out = const_cast<F*>(Weights(k, job));
        for (int l = 0; l < ps.range.lanes; ++l) {
          const S* weight = WeightOf<S>(run, cell.product[ps.range.product[l]], ps.K);
          for (int64_t u = 0; u < units; ++u)
            Transpose(weight, sizes.H, ps.K, (job * p.unit + u) * W, out + (l * units + u) * W * kP, step);
        }
        return;
      }
      job -= p.groups;
    }
    if (job == 0) return PackBias();
    for (int64_t g = 0; g * kMaxVectors * W < sizes.P; ++g) {
      const int64_t left = (sizes.P - g * kMaxVectors * W + W - 1) / W, units = left < kMaxVectors ? left : kMaxVectors;
      for (int64_t u = 0; u < units; ++u)
        Transpose(As<S>(run.weight_hr), sizes.P, sizes.H, (g * kMaxVectors + u) * W,
                  projection + g * kMaxVectors * W * FactorsOf<F>(sizes.H) + u * W * kP, units * W * kP);
    }
  }

  void PackBias() const {
    if (run.bias_ih == nullptr) return;
    for (int k = 0; k < cell.products; ++k) {
      const Product& product = cell.product[k];
      if (product.array > 1) continue;
      const S* bias = As<S>(product.array == 0 ? run.bias_ih : run.bias_hh) + product.block * sizes.H;
      int q = 0;
      while (cell.first_lane[q + 1] <= product.lane) ++q;
      const Phase<T>& p = phase[q];
      for (int64_t unit = 0; unit < sizes.H; ++unit) {
        const int64_t block = unit / W, g = block / p.unit, units = InGroup(p, g);
        const int64_t lane = g * p.unit * p.lanes + (product.lane - p.first) * units + block % p.unit;
        T value;
        Convert(bias + unit, 1, &value);
        p.bias[lane * W + unit % W] += value;
      }
    }
  }
};

}  // namespace
