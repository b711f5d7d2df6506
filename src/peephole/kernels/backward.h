// The backward pass over packed rows.
//
// Steps are taken in the opposite order. A step does only what the one before it waits for: the pointwise functions, which write the
// gradients of the lanes, and the product that carries them to the previous states. Everything else is taken over a block of rows
// (gradients.h), in a fixed order: the same bits for the same number of threads. Work is dealt to threads as in the forward pass.
#pragma once

#include "backward_call.h"

namespace {

template <class S> struct Backward : BackwardCall<S> {
  typedef BackwardCall<S> Call;
  typedef typename Call::Scratch Scratch;
  typedef Real<S> T;
  typedef Factor<S> F;
  using Call::Call, Call::W, Call::kP, Call::kGroup, Call::kRounds, Call::run, Call::want, Call::cell, Call::sizes;
  using Call::gradients, Call::projection, Call::block, Call::parameter, Call::HasTotals, Call::kRowsPointwise;

  void RunThread(Scratch& s) const {
    int64_t alive = 0, rows = 0;
    for (int64_t k = 0; k < run.steps; ++k) {
      const int64_t t = run.reverse ? k : run.steps - 1 - k;
      alive = s.share.Alive(run.batch_sizes[t], alive);
      Step(s, rows, alive, t);
      rows += alive;
      if (rows >= block || k + 1 == run.steps) {
        gradients.Add(s.place, s.sums, s.b, rows, s.is_first);
        s.is_first = false;
        rows = 0;
      }
    }
    if (s.is_first) gradients.Add(s.place, s.sums, s.b, 0, true);
    if (want.d_state == nullptr || s.place.id != 0) return;
    for (int k = 0; k < cell.states; ++k) {
      if (want.d_state[k] == nullptr) continue;
      const int64_t width = sizes.StateWidth(k);
      for (int64_t i = 0; i < s.share.count; ++i)
        if (k == 0) Convert(s.d_state[0][i], width, As<S>(want.d_state[0]) + s.share.n[i] * width);
        else Convert(s.d_state[k][i], width, As<T>(want.d_state[k]) + s.share.n[i] * width);
    }
  }

  void SetRows(const Scratch& s, int64_t at, int64_t alive, int64_t t) const {
    const int64_t before = run.reverse ? t + 1 : t - 1;  // the step that came before this one
    const int64_t there = before < 0 || before >= run.steps ? 0 : run.batch_sizes[before];
    for (int64_t i = 0; i < alive; ++i) {
      const int64_t n = s.share.n[i];
      s.b.n[at + i] = n;
      s.b.row[at + i] = sizes.offset[t] + n;
      s.b.h[at + i] = n >= there ? As<S>(run.state[0]) + n * sizes.P : As<S>(run.output) + (sizes.offset[before] + n) * sizes.P;
    }
    for (int k = 0; k < cell.states; ++k) {
      if constexpr (kRounds)
        if (k == 0) {
          for (int64_t i = 0; s.h != nullptr && i < alive; ++i) {
            T* const to = s.h + (at + i) * sizes.padded;
            if (i >= s.place.Begin(alive) && i < s.place.End(alive)) Convert(s.b.h[at + i], sizes.H, to);
            s.b.prev[0][at + i] = to;
          }
          continue;
        }
      const T* stored = As<T>(k == 0 ? run.output : run.slot[cell.state_slot[k]]);
      const int64_t width = sizes.StateWidth(k);
      for (int64_t i = 0; i < alive; ++i) {
        const int64_t n = s.share.n[i];
        s.b.prev[k][at + i] = n >= there          ? As<T>(run.state[k]) + n * width
                              : stored == nullptr ? nullptr
                                                  : stored + (sizes.offset[before] + n) * width;
      }
    }
  }

  // What the loss and the later steps ask of h, together, where the pointwise function cannot add them.
  void SetTotals(const Scratch& s, int64_t at, int64_t alive) const {
    const int64_t step = RoundUp(sizes.P, W), factor_step = RoundUp(sizes.P, kDepth<F>);
    const bool is_projected = run.weight_hr != nullptr;
    for (int64_t i = s.place.Begin(alive); i < s.place.End(alive); ++i) {
      T* const total = is_projected ? s.b.d_output + (at + i) * step : s.d_raw + i * sizes.padded;
      std::memset(static_cast<void*>(total), 0, sizes.P * sizeof(T));
      if (want.d_output != nullptr) Convert(As<S>(want.d_output) + s.b.row[at + i] * sizes.P, sizes.P, total);
      for (int64_t e = 0; e < sizes.P; ++e) total[e] = s.d_state[0][i][e] + total[e];
      if (is_projected) Convert(total, sizes.P, s.d_total + i * factor_step);
    }
    for (int64_t i = 0; i < alive; ++i) s.d_seen[0][i] = s.d_raw + i * sizes.padded;
    s.place.Wait();
    if (!is_projected) return;
    // h is W_hr times what the equations compute: d_raw = W_hr^T d_total.
    const int64_t groups = (sizes.H + kGroup - 1) / kGroup;
    for (int64_t g = s.place.Begin(groups); g < s.place.End(groups); ++g) {
      const int64_t first = g * kGroup, units = sizes.H - first < kGroup ? sizes.H - first : kGroup, vectors = (units + W - 1) / W;
      TileProduct<F> t;
      t.w = projection + first * factor_step;
      t.w_step = vectors * W * kP;
      t.count = factor_step / kP;
      t.from = nullptr;
      t.from_row = 0;
      t.to = s.d_raw + first;
      t.to_row = sizes.padded;
      MultiplyRows(alive, vectors, [&](int64_t i) { return s.d_total + i * factor_step; }, t);
    }
    s.place.Wait();
  }

  void Step(Scratch& s, int64_t at, int64_t alive, int64_t t) const {
    SetRows(s, at, alive, t);
    if (HasTotals()) SetTotals(s, at, alive);
    const T *d_value[kMax], *slot[kMax];
    const T *const *prev[kMax], *const *d_state[kMax];
    T* const* d_prev[kMax];
    T* operand[kMax];
    for (int k = 0; k < cell.slots; ++k) slot[k] = As<T>(run.slot[k]);
    for (int k = 0; k < cell.values; ++k)
      d_value[k] = want.d_value == nullptr ? nullptr : As<T>(want.d_value[k]);
    for (int k = 0; k < cell.states; ++k) {
      prev[k] = s.b.prev[k] + at;
      d_state[k] = s.d_seen[k];
      d_prev[k] = s.d_prev[k];
    }
    for (int k = 0; k < cell.operands; ++k) operand[k] = s.b.operand[k] + at * sizes.padded;
    if (!HasTotals()) d_value[cell.state_slot[0]] = As<T>(want.d_output);
    BackwardTile<T> tile = {};
    tile.rows = alive;
    tile.width = sizes.H;
    tile.prev = prev;
    tile.d_state = d_state;
    tile.d_prev = d_prev;
    tile.row = s.b.row + at;
    tile.slot = slot;
    tile.held = reinterpret_cast<const T* const*>(run.held);
    tile.d_value = d_value;
    tile.d_value_out = reinterpret_cast<T* const*>(want.d_value_out);
    tile.d_operand = s.d_operand;
    tile.operand = operand;
    tile.scratch_row = sizes.padded;
    tile.d_lanes = s.b.d_lanes + at * gradients.lanes_row;
    tile.d_lanes_row = gradients.lanes_row;
    tile.parameter = parameter;
    tile.d_parameter = s.sums.of_block;
    for (int level = 0; level < cell.levels; ++level) {
      CarryOperands(s, at, alive, level);
      Pointwise(s, tile, at, level);
      s.place.Wait();
    }
    if (run.weight_hr != nullptr) {
      for (int64_t i = s.place.Begin(alive); i < s.place.End(alive); ++i)
        std::memset(static_cast<void*>(s.d_carried[0][i]), 0, sizes.P * sizeof(T));
      s.place.Wait();
    }
    for (int q = 0; q < gradients.ranges; ++q) {
      const Source& source = cell.source[gradients.range[q].source];
      if (source.kind == 1) Carry(s, q, at, alive, s.d_carried[source.index]);
    }
    s.place.Wait();
    for (int k = 0; k < cell.states; ++k)
      for (int64_t i = 0; i < alive; ++i) {
        T* const used = const_cast<T*>(s.d_state[k][i]);
        s.d_state[k][i] = s.d_carried[k][i];
        s.d_carried[k][i] = used;
        if (k > 0 || run.weight_hr == nullptr) s.d_prev[k][i] = used;
      }
  }

  // A few rows at a time: what is stored of them is then read in a few streams, which the processor fetches ahead.
  void Pointwise(const Scratch& s, const BackwardTile<T>& all, int64_t at, int level) const {
    const Function<BackwardTile<T>>* function = FunctionsOf<T>(cell).backward[level];
    const T *const *prev[kMax], *const *d_state[kMax], *d_operand[kMax];
    T *const *d_prev[kMax], *operand[kMax];
    BackwardTile<T> tile = all;
    tile.prev = prev;
    tile.d_state = d_state;
    tile.d_prev = d_prev;
    tile.d_operand = d_operand;
    tile.operand = operand;
    const Split chunks(all.rows, kRowsPointwise);
    for (int64_t part = 0; part < chunks.parts; ++part) {
      const int64_t i = chunks.Begin(part);
      tile.rows = chunks.Begin(part + 1) - i;
      for (int k = 0; k < cell.states; ++k) {
        prev[k] = all.prev[k] + i;
        d_state[k] = all.d_state[k] + i;
        d_prev[k] = all.d_prev[k] + i;
      }
      for (int k = 0; k < cell.operands; ++k) {
        d_operand[k] = all.d_operand[k] + i * sizes.padded;
        operand[k] = all.operand[k] + i * sizes.padded;
      }
      tile.row = all.row + i;
      tile.d_lanes = all.d_lanes + i * gradients.lanes_row;
      for (int64_t b = s.place.Begin(sizes.blocks); b < s.place.End(sizes.blocks); ++b) {
        tile.first = b * W;
        tile.count = sizes.H - tile.first < W ? sizes.H - tile.first : W;
        function[tile.count == W](tile);
        if constexpr (!std::is_same<T, F>::value)
          for (int64_t r = 0; r < tile.rows; ++r)
            for (int l = 0; l < cell.lanes; ++l) {
              const int64_t place = r * gradients.lanes_row + l * sizes.H + tile.first;
              if (cell.lane_level[l] == level)
                Convert(tile.d_lanes + place, tile.count, s.b.factors + (at + i) * gradients.lanes_row + place);
            }
      }
    }
  }

  // Gradients of operands whose products' lanes are all known at this level.
  void CarryOperands(const Scratch& s, int64_t at, int64_t alive, int level) const {
    for (int k = 0; k < cell.operands; ++k) {
      if (cell.operand_level[k] != level) continue;
      for (int64_t i = 0; i < alive; ++i) s.to[i] = s.d_operand[k] + i * sizes.padded;
      const int64_t begin = s.place.Begin(alive), count = s.place.End(alive) - begin;
      std::memset(static_cast<void*>(s.d_operand[k] + begin * sizes.padded), 0, count * sizes.padded * sizeof(T));
      s.place.Wait();
      for (int q = 0; q < gradients.ranges; ++q) {
        const Source& source = cell.source[gradients.range[q].source];
        if (source.kind == 2 && source.index == k) Carry(s, q, at, alive, s.to);
      }
      s.place.Wait();
    }
  }

  // What a range of lanes asks of its source is added to to[i].
  void Carry(const Scratch& s, int q, int64_t at, int64_t alive, T* const* to) const {
    const Range& r = gradients.range[q];
    const Source& source = cell.source[r.source];
    const int64_t width = sizes.SourceWidth(source), groups = (width + kGroup - 1) / kGroup;
    const bool is_masked = run.mask != nullptr && source.masked;
    for (int64_t g = s.place.Begin(groups); g < s.place.End(groups); ++g) {
      const int64_t first = g * kGroup, units = width - first < kGroup ? width - first : kGroup;
      MultiplyToRows(alive, units, [&](int64_t i) { return s.b.factors + (at + i) * gradients.lanes_row + r.first * sizes.H; },
                     gradients.Asked(q, first, units), [&](int64_t i, const T* in) {
        T* const out = to[i] + first;
        if (is_masked) {
          T mask[kGroup];
          Convert(As<S>(run.mask) + s.share.n[i] * sizes.P + first, units, mask);
          for (int64_t e = 0; e < units; ++e) out[e] += mask[e] * in[e];
        } else {
          for (int64_t e = 0; e < units; ++e) out[e] += in[e];
        }
      });
    }
  }
};

}  // namespace
