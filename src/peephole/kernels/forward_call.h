// What a forward pass holds: its layout, how its work is dealt, and the scratch memory of each thread.
#pragma once

#include "layout.h"

namespace {

template <class S> struct ForwardCall {
  typedef Real<S> T;
  typedef Factor<S> F;
  typedef typename VectorOf<T>::Type V;
  static constexpr int64_t W = kWidth<V>, kP = kPair<F>;
  static constexpr bool kRounds = sizeof(S) != sizeof(T);  // h is stored with fewer bits than it is computed with
  // How far the products of the input run ahead: bytes of lanes, a part of the second-level cache, but so many rows at least that
  // reading the weights once for all of them costs no more than the lanes' own way to memory and back.
  static constexpr int64_t kAhead = 256 * 1024, kAheadRows = 192;

  const PeepholeRun& run;
  const CellTable& cell;
  Arena arena;
  Sizes<S> sizes;
  Layout<S> layout;
  Deal deal;
  int64_t ahead;
  const T* parameter[kMax];

  // Rows of a step from which on tiles take the products of its input together with its recurrent ones: reading the weights again for
  // every step costs less then than the lanes' way to memory and back, and the lanes need not leave the first-level cache.
  static constexpr int64_t kEnoughRows = kOnTiles<F> ? 32 : INT64_MAX;

  explicit ForwardCall(const PeepholeRun& run)
      : run(run), cell(*static_cast<const CellTable*>(run.cell)), arena(WeightBytes<S>(run, cell)), sizes(arena, run),
        layout(run, cell, sizes, arena),
        deal(DealWork(run, cell, sizeof(F) * kParts<F>)) {
    SetParameters<S>(run, cell, arena, parameter);
    ahead = kAhead / layout.RowBytes() < kAheadRows ? kAheadRows : kAhead / layout.RowBytes();
  }

  // What one thread needs; made before the threads start, so that running out of memory is one error in one place.
  struct Scratch {
    Place place;
    Share share;
    int64_t rows;            // that the lanes hold
    int64_t* row;            // [rows] packed row
    const F** x;             // [rows]
    const S** h;             // [count] h before the step, as it is stored
    const T** prev[kMax];    // [states][count] states before the step, as the equations see them
    T** state[kMax];         // [states][count] after it
    const F** source[kMax];  // [sources][count]
    T* line[2];              // one row each
    const F** raw;           // [count] h before projection
    T* few;                  // [kRowsTogether][.] lanes of a group where they are used at once
    // Shared by the threads that share columns.
    T* lanes[kMax];          // [phases][rows][row]
    T* rolling[kMax];        // [states][2][count][padded] for states that nobody stores
    F* copied[kMax];         // [sources][rows or count][width] of sources that cannot be multiplied where they lie
    T* kept[kMax];
    T* operand[kMax];
    F* unprojected;          // [count][H]
  };

  int64_t FactorWidth(int k) const { return FactorsOf<F>(sizes.SourceWidth(cell.source[k])); }

  bool IsCopied(int k) const {
    const Source& source = cell.source[k];
    const bool is_stored = source.kind == 0 || (source.kind == 1 && source.index == 0);  // as S, otherwise as T
    return kOnTiles<F> || !(is_stored ? std::is_same<S, F>::value : std::is_same<T, F>::value) ||
           sizes.SourceWidth(source) % kP != 0 || (run.mask != nullptr && source.masked);
  }

  Scratch MakeScratch(int64_t thread, const Scratch* first) {
    Scratch s = first == nullptr ? Scratch() : *first;
    const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
    s.share = deal.columns ? Share(arena, alive, 1, 0) : Share(arena, alive, deal.threads, thread);
    const int64_t count = s.share.count;
    s.rows = 0;
    for (int64_t k = 0; k < run.steps && s.rows < count + ahead; ++k) s.rows += count;
    s.row = arena.template Get<int64_t>(s.rows);
    s.x = arena.template Get<const F*>(s.rows);
    s.h = arena.template Get<const S*>(count);
    int64_t widest = sizes.H;
    for (int k = 0; k < cell.sources; ++k) {
      s.source[k] = arena.template Get<const F*>(count);
      widest = FactorWidth(k) > widest ? FactorWidth(k) : widest;
    }
    for (T*& line : s.line) line = arena.template Get<T>(widest);
    s.raw = arena.template Get<const F*>(count);
    for (int k = 0; k < cell.states; ++k) {
      s.prev[k] = arena.template Get<const T*>(count);
      s.state[k] = arena.template Get<T*>(count);
    }
    if (kOnTiles<F>) {
      int64_t widest_group = 0;
      for (int p = 0; p < cell.phases; ++p) {
        const int64_t group = layout.phase[p].lanes * layout.phase[p].unit * W;
        widest_group = group > widest_group ? group : widest_group;
      }
      s.few = arena.template Get<T>(kRowsTogether<F> * widest_group);
    }
    if (deal.columns && first != nullptr) return s;
    for (int p = 0; p < cell.phases; ++p) s.lanes[p] = arena.template Get<T>(s.rows * layout.phase[p].row);
    for (int k = 0; k < cell.states; ++k) s.rolling[k] = arena.template Get<T>(2 * count * sizes.padded);
    for (int k = 0; k < cell.sources; ++k)
      s.copied[k] = IsCopied(k) ? arena.template Get<F>((cell.source[k].kind == 0 ? s.rows : count) * FactorWidth(k)) : nullptr;
    for (int k = 0; k < cell.kept; ++k) s.kept[k] = arena.template Get<T>(count * sizes.padded);
    for (int k = 0; k < cell.operands; ++k) s.operand[k] = arena.template Get<T>(count * sizes.padded);
    s.unprojected = run.weight_hr == nullptr ? nullptr : arena.template Get<F>(count * FactorsOf<F>(sizes.H));
    return s;
  }

  int64_t BatchSize(int64_t step) const { return run.batch_sizes[run.reverse ? run.steps - 1 - step : step]; }
};

}  // namespace
