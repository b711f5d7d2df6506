// The forward pass over packed rows.
//
// Threads own whole sequences, so that none waits for another; or, where there are too few sequences or too many weights, units of
// every sequence, and meet after each phase of a step (work.h says when). The products of the input are taken for a block of steps
// at once, since they wait for nothing; then each step adds its recurrent products in place and hands the tile to the pointwise
// functions. Every sum is taken in the same order, however the work is dealt: the same bits for any number of threads.
#pragma once

#include "forward_products.h"

namespace {

template <class S> struct Forward : ForwardProducts<S> {
  typedef ForwardProducts<S> Products;
  typedef typename Products::Scratch Scratch;
  typedef Real<S> T;
  typedef Factor<S> F;
  using Products::Products, Products::W, Products::kP, Products::kRounds, Products::run, Products::cell, Products::sizes;
  using Products::layout, Products::parameter, Products::BatchSize, Products::InputProducts, Products::Product;
  using Products::kEnoughRows, Products::InputOfGroup;

  void RunThread(Scratch& s) const {
    const Share& share = s.share;
    for (int64_t i = 0; i < share.count; ++i) s.h[i] = As<S>(run.state[0]) + share.n[i] * sizes.P;
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < share.count; ++i)
        if constexpr (kRounds) {
          if (k == 0) {
            if (run.weight_hr != nullptr) break;  // h enters through products alone
            T* start = s.rolling[0] + (share.count + i) * sizes.padded;
            if (s.place.id == 0) Convert(s.h[i], sizes.H, start);
            s.prev[0][i] = start;
            continue;
          }
          s.prev[k][i] = As<T>(run.state[k]) + share.n[i] * sizes.H;
        } else {
          s.prev[k][i] = As<T>(run.state[k]) + share.n[i] * sizes.StateWidth(k);
        }
    if (kRounds) s.place.Wait();
    int64_t alive = 0, step = 0;
    while (step < run.steps) {
      // A block of steps whose rows the lanes hold; at least one.
      int64_t rows = 0, end = step, count = alive;
      for (; end < run.steps; ++end) {
        count = share.Alive(BatchSize(end), count);
        if (end > step && rows + count > s.rows) break;
        const int64_t first = sizes.offset[run.reverse ? run.steps - 1 - end : end];
        for (int64_t i = 0; i < count; ++i) s.row[rows + i] = first + share.n[i];
        rows += count;
      }
      const bool at_once = share.Alive(BatchSize(step), alive) >= kEnoughRows;
      InputProducts(s, rows, !at_once);
      int64_t at = 0;
      for (; step < end; ++step) {
        alive = share.Alive(BatchSize(step), alive);
        Step(s, at, alive, step, at_once);
        at += alive;
      }
    }
    if (run.final_state == nullptr || s.place.id != 0) return;
    for (int k = 0; k < cell.states; ++k) {
      if (run.final_state[k] == nullptr) continue;
      for (int64_t i = 0; i < share.count; ++i)
        if (k == 0)
          std::memcpy(static_cast<void*>(As<S>(run.final_state[0]) + share.n[i] * sizes.P), s.h[i], sizes.P * sizeof(S));
        else
          std::memcpy(As<T>(run.final_state[k]) + share.n[i] * sizes.H, s.prev[k][i], sizes.H * sizeof(T));
    }
  }

  void Step(const Scratch& s, int64_t at, int64_t alive, int64_t step, bool at_once) const {
    const int64_t* row = s.row + at;
    ForwardTile<T> tile = {};
    T* slot[kMax];
    for (int k = 0; k < cell.slots; ++k) slot[k] = As<T>(run.slot[k]);
    for (int k = 0; k < cell.states; ++k) {
      T*& stored = slot[cell.state_slot[k]];
      T* base = stored;
      if (k == 0 && run.weight_hr == nullptr && !kRounds) base = As<T>(run.output);
      T* const rolling = s.rolling[k] + (step & 1) * s.share.count * sizes.padded;
      for (int64_t i = 0; i < alive; ++i)
        s.state[k][i] = base != nullptr ? base + row[i] * sizes.H : rolling + i * sizes.padded;
      if (base == stored) stored = nullptr;
    }
    for (int k = 0; k < cell.sources; ++k) {
      const Source& source = cell.source[k];
      if (source.kind != 1) continue;
      if (source.index == 0) this->template SetSource<S>(s, k, alive, [&](int64_t i) { return s.h[i]; }, s.source[k]);
      else this->template SetSource<T>(s, k, alive, [&](int64_t i) { return s.prev[source.index][i]; }, s.source[k]);
    }
    tile.width = sizes.H;
    tile.slot = slot;
    tile.held = reinterpret_cast<const T* const*>(run.held);
    tile.parameter = parameter;
    tile.scratch_row = sizes.padded;
    for (int q = 0; q < cell.phases; ++q) {
      RunPhase(s, q, at, alive, tile, at_once);
      s.place.Wait();
      for (int k = 0; k < cell.sources; ++k) {
        const Source& source = cell.source[k];
        if (source.kind == 2 && cell.operand_phase[source.index] == q)
          this->template SetSource<T>(s, k, alive, [&](int64_t i) { return s.operand[source.index] + i * sizes.padded; }, s.source[k]);
      }
    }
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < alive; ++i) s.prev[k][i] = s.state[k][i];
    for (int64_t i = 0; i < alive; ++i) s.h[i] = As<S>(run.output) + row[i] * sizes.P;
    if (run.weight_hr != nullptr) return Project(s, alive);
    if constexpr (kRounds) {
      for (int64_t i = s.place.Begin(alive); i < s.place.End(alive); ++i)
        Convert(s.state[0][i], sizes.H, const_cast<S*>(s.h[i]));
      s.place.Wait();
    }
  }

  void RunPhase(const Scratch& s, int q, int64_t at, int64_t alive, const ForwardTile<T>& common, bool at_once) const {
    const Phase<T>& p = layout.phase[q];
    const Function<ForwardTile<T>>* function = FunctionsOf<T>(cell).forward[q];
    const Split chunks(alive, kRowsTogether<F>);
    const T* const* prev[kMax];
    T* const* state[kMax];
    T *kept[kMax], *operand[kMax];
    ForwardTile<T> tile = common;
    tile.prev = prev;
    tile.state = state;
    tile.kept = kept;
    tile.operand = operand;
    for (int64_t g = s.place.Begin(p.groups); g < s.place.End(p.groups); ++g) {
      const int64_t units = layout.InGroup(p, g), start = g * p.unit * p.lanes * W;
      for (int64_t part = 0; part < chunks.parts; ++part) {
        const int64_t i = chunks.Begin(part), rows = chunks.Begin(part + 1) - i;
        T* const lanes = at_once ? s.few : s.lanes[q] + (at + i) * p.row + start;
        const int64_t lanes_row = at_once ? p.lanes * units * W : p.row;
        if (at_once) InputOfGroup(s, q, g, at + i, rows, lanes, lanes_row);
        for (int k = 0; k < layout.passes; ++k) {
          const Range& range = layout.pass[k].range;
          if (range.phase != q || cell.source[range.source].kind == 0) continue;
          TileProduct<F> t = Product(k, g, units);
          t.to = lanes + (range.first - p.first) * units * W;
          t.from = t.to;
          t.from_row = t.to_row = lanes_row;
          const F* const* a = s.source[range.source] + i;
          MultiplyRows(rows, range.lanes * units, [&](int64_t r) { return a[r]; }, t);
        }
        tile.rows = rows;
        tile.row = s.row + at + i;
        tile.lanes_row = lanes_row;
        tile.lane = units * W;
        for (int k = 0; k < cell.states; ++k) {
          prev[k] = s.prev[k] + i;
          state[k] = s.state[k] + i;
        }
        for (int k = 0; k < cell.kept; ++k) kept[k] = s.kept[k] + i * sizes.padded;
        for (int k = 0; k < cell.operands; ++k) operand[k] = s.operand[k] + i * sizes.padded;
        for (int64_t u = 0; u < units; ++u) {
          tile.first = (g * p.unit + u) * W;
          tile.count = sizes.H - tile.first < W ? sizes.H - tile.first : W;
          tile.lanes = lanes + u * W;
          function[tile.count == W](tile);
        }
      }
    }
  }

  // h becomes W_hr times what the equations compute.
  void Project(const Scratch& s, int64_t alive) const {
    const int64_t width = FactorsOf<F>(sizes.H);
    for (int64_t i = 0; i < alive; ++i) {
      if constexpr (std::is_same<T, F>::value) {
        s.raw[i] = s.state[0][i];
      } else {
        s.raw[i] = s.unprojected + i * width;
        if (i < s.place.Begin(alive) || i >= s.place.End(alive)) continue;
        ToFactors(s.state[0][i], sizes.H, s.unprojected + i * width);
      }
    }
    if (!std::is_same<T, F>::value) s.place.Wait();
    constexpr int64_t kGroup = kMaxVectors * W;
    const int64_t groups = (sizes.P + kGroup - 1) / kGroup;
    for (int64_t g = s.place.Begin(groups); g < s.place.End(groups); ++g) {
      const int64_t first = g * kGroup, units = sizes.P - first < kGroup ? sizes.P - first : kGroup;
      TileProduct<F> t;
      t.w = layout.projection + first * width;
      t.w_step = RoundUp(units, W) * kP;
      t.count = width / kP;
      MultiplyToRows(alive, units, [&](int64_t r) { return s.raw[r]; }, t,
                     [&](int64_t r, const T* in) { Convert(in, units, const_cast<S*>(s.h[r]) + first); });
    }
    s.place.Wait();
  }
};

}  // namespace
