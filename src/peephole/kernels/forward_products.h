// What the lanes of the forward pass start from: biases, and the products of the input, taken for a block of steps at once, or with
// each step's recurrent products.
#pragma once

#include "forward_call.h"

namespace {

template <class S> struct ForwardProducts : ForwardCall<S> {
  typedef ForwardCall<S> Call;
  typedef typename Call::Scratch Scratch;
  typedef Real<S> T;
  typedef Factor<S> F;
  using Call::Call, Call::W, Call::kP, Call::run, Call::cell, Call::sizes, Call::layout, Call::FactorWidth;

  // Rows of a source as factors: where they lie, or copied, with the mask of recurrent dropout applied.
  template <class R, class At> void SetSource(const Scratch& s, int k, int64_t count, const At& at, const F** to) const {
    const int64_t width = sizes.SourceWidth(cell.source[k]), step = FactorWidth(k);
    const bool is_masked = run.mask != nullptr && cell.source[k].masked;
    if (s.copied[k] == nullptr) {
      if constexpr (std::is_same<R, F>::value)
        for (int64_t i = 0; i < count; ++i) to[i] = at(i);
      return;
    }
    for (int64_t i = 0; i < count; ++i) to[i] = s.copied[k] + i * step;
    for (int64_t i = s.place.Begin(count); i < s.place.End(count); ++i) {
      F* const out = s.copied[k] + i * step;
      if (is_masked) {
        Convert(at(i), width, s.line[0]);
        Convert(As<S>(run.mask) + s.share.n[i] * sizes.P, width, s.line[1]);
        for (int64_t e = 0; e < width; ++e) s.line[0][e] *= s.line[1][e];
        ToFactors(s.line[0], width, out);
      } else {
        ToFactors(at(i), width, out);
      }
    }
    s.place.Wait();
  }

  // Products of the input for a block of rows, or, where every step takes its own, the rows alone as factors.
  void InputProducts(const Scratch& s, int64_t rows, bool products) const {
    const auto x = [&](int64_t r) { return As<S>(run.x) + s.row[r] * run.x_stride; };
    for (int k = 0; k < cell.sources; ++k)
      if (cell.source[k].kind == 0) SetSource<S>(s, k, rows, x, s.x);
    for (int q = 0; products && q < cell.phases; ++q) {
      const Phase<T>& p = layout.phase[q];
      for (int64_t g = s.place.Begin(p.groups); g < s.place.End(p.groups); ++g)
        InputOfGroup(s, q, g, 0, rows, s.lanes[q] + g * p.unit * p.lanes * W, p.row);
    }
  }

  // What the lanes of group g start from, for rows of the block, into `lanes`, whose rows lie `row` apart.
  void InputOfGroup(const Scratch& s, int q, int64_t g, int64_t at, int64_t rows, T* lanes, int64_t row) const {
    const Phase<T>& p = layout.phase[q];
    const int64_t units = layout.InGroup(p, g);
    const T* const bias = p.bias + g * p.unit * p.lanes * W;
    const F* const* const x = s.x + at;
    const auto fill_bias = [&](int l) {
      const int64_t first = l * units * W;
      for (int64_t r = 0; r < rows; ++r) std::memcpy(lanes + r * row + first, bias + first, units * W * sizeof(T));
    };
    bool filled[kMax] = {};
    for (int k = 0; k < layout.passes; ++k) {
      const Range& range = layout.pass[k].range;
      if (range.phase != q || cell.source[range.source].kind != 0) continue;
      const int lane = range.first - p.first;
      bool again = false;
      for (int l = 0; l < range.lanes; ++l) again |= filled[lane + l];
      if (again)  // lanes filled in part: the rest of them needs its bias before all are added to
        for (int l = 0; l < range.lanes; ++l)
          if (!filled[lane + l]) fill_bias(lane + l);
      for (int l = 0; l < range.lanes; ++l) filled[lane + l] = true;
      TileProduct<F> t = Product(k, g, units);
      t.to = lanes + lane * units * W;
      t.to_row = row;
      t.from = again ? t.to : bias + lane * units * W;
      t.from_row = again ? row : 0;
      MultiplyRows(rows, range.lanes * units, [&](int64_t r) { return x[r]; }, t);
    }
    for (int l = 0; l < p.lanes; ++l)
      if (!filled[l]) fill_bias(l);
  }

  TileProduct<F> Product(int k, int64_t g, int64_t units) const {
    TileProduct<F> t;
    t.w = layout.Weights(k, g);
    t.w_step = layout.pass[k].range.lanes * units * W * kP;
    t.count = layout.pass[k].pairs;
    return t;
  }
};

}  // namespace
