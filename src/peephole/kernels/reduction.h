// The end of a backward pass: what the threads have added up becomes one, in their order, in the caller's arrays.
#pragma once

#include "gradients.h"

namespace {

template <class S> struct Reduction {
  typedef Real<S> T;

  const Gradients<S>& gradients;
  const PeepholeRun& run;
  const PeepholeGradients& want;
  const CellTable& cell;
  const Sizes<S>& sizes;

  explicit Reduction(const Gradients<S>& g) : gradients(g), run(g.run), want(g.want), cell(g.cell), sizes(g.sizes) {}

  // One job per product, then the projection, then everything small.
  int64_t Jobs() const { return cell.products + 2; }

  void Run(typename Gradients<S>::Sums* const* s, int64_t parts, int64_t job) const {
    if (job < cell.products) {
      const Product& p = cell.product[job];
      for (int k = 0; k < job; ++k)  // two products of one matrix: the first adds both
        if (cell.product[k].array == p.array && cell.product[k].block == p.block) return;
      if (gradients.ArrayOf(p) == nullptr) return;
      const int64_t width = sizes.SourceWidth(cell.source[p.source]);
      T* const total = s[0]->d_weight[job];
      for (int k = static_cast<int>(job); k < cell.products; ++k) {
        if (cell.product[k].array != p.array || cell.product[k].block != p.block) continue;
        for (int64_t part = 0; part < parts; ++part)
          if (part > 0 || k > job) AddTo(total, s[part]->d_weight[k], sizes.H * s[0]->weight_row[job]);
      }
      if (s[0]->is_output[job]) return;
      S* const out = As<S>(gradients.ArrayOf(p)) + p.block * sizes.H * width;
      for (int64_t r = 0; r < sizes.H; ++r) Convert(total + r * s[0]->weight_row[job], width, out + r * width);
    } else if (job == cell.products) {
      if (run.weight_hr == nullptr || want.d_weight_hr == nullptr) return;
      for (int64_t part = 1; part < parts; ++part) AddTo(s[0]->d_projection, s[part]->d_projection, sizes.P * sizes.padded);
      for (int64_t r = 0; r < sizes.P; ++r)
        Convert(s[0]->d_projection + r * sizes.padded, sizes.H, As<S>(want.d_weight_hr) + r * sizes.H);
    } else {
      ReduceSmall(s, parts);
    }
  }

  static void AddTo(T* total, const T* other, int64_t n) {
    for (int64_t k = 0; k < n; ++k) total[k] += other[k];
  }

  void ReduceSmall(typename Gradients<S>::Sums* const* s, int64_t parts) const {
    for (int array = 0; array < 2; ++array) {
      S* const out = As<S>(array == 0 ? want.d_bias_ih : want.d_bias_hh);
      for (int block = 0; out != nullptr && block < cell.gates; ++block) {
        T* const total = s[0]->real[0];
        std::memset(static_cast<void*>(total), 0, sizes.H * sizeof(T));
        for (int64_t part = 0; part < parts; ++part)
          for (int p = 0; p < cell.products; ++p)
            if (cell.product[p].array == array && cell.product[p].block == block)
              AddTo(total, s[part]->d_bias[cell.product[p].lane], sizes.H);
        Convert(total, sizes.H, out + block * sizes.H);
      }
    }
    for (int v = 0; v < cell.vectors; ++v) {
      S* const out = As<S>(want.d_parameter[cell.vector[v].parameter]);
      if (out == nullptr) continue;
      for (int64_t part = 1; part < parts; ++part) AddTo(s[0]->d_parameter[v], s[part]->d_parameter[v], sizes.H);
      Convert(s[0]->d_parameter[v], sizes.H, out + cell.vector[v].part * sizes.H);
    }
  }

  // Gates and parameters that no equation uses have no gradient: zero.
  void ClearUnused() const {
    bool used[kMax][kMax] = {};
    for (int p = 0; p < cell.products; ++p) used[cell.product[p].array][cell.product[p].block] = true;
    for (int array = 0; array < 2; ++array)
      for (int gate = 0; gate < cell.gates; ++gate) {
        S* out = As<S>(array == 0 ? want.d_weight_ih : want.d_weight_hh);
        const int64_t size = sizes.H * (array == 0 ? sizes.D : sizes.P);
        if (out != nullptr && !used[array][gate]) std::memset(static_cast<void*>(out + gate * size), 0, size * sizeof(S));
      }
  }
};

}  // namespace
