// The matrix product of bfloat16 on AMX tiles: 16 rows by 16 columns of float32 sums, and 32 numbers deep in one instruction.
//
// A tile of w is 16 pairs of rows of what `TileProduct` calls w, as it lies there: pairs of a column lie together. A tile of a is
// 16 rows of it, which therefore lie at one distance from each other; `MultiplyRows` of bfloat16 demands that here. A sum takes its
// terms in an order that depends on k alone, so that the bits do not depend on how rows are dealt to threads. That is also why a
// single row goes this way too: the instruction that multiplies pairs in vectors adds them in another order.
#pragma once

#include "number.h"

#if defined(__AMX_BF16__)
#include <immintrin.h>

namespace {

constexpr int64_t kTileRows = 16, kTilePairs = 16, kTileBytes = 4 * kTilePairs;  // bytes: of a row of a tile
// Tiles of a that are multiplied with all columns before the next: 32 rows of so many stay in the first-level cache.
constexpr int64_t kTilesDeep = 16;

// What LDTILECFG reads. Tiles 0 to 3 are sums, 4 and 5 rows of a, 6 and 7 parts of w.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

// The shapes that this thread's tiles have, as `ShapeTiles` counts them; 0: none of ours.
thread_local int64_t tile_shapes = 0;

// Sums of `first` rows in tiles 0 and 1, of `second` in 2 and 3, and products `pairs` deep.
inline void ShapeTiles(int64_t first, int64_t second, int64_t pairs) {
  const int64_t wanted = first + 32 * second + 1024 * pairs;
  if (wanted == tile_shapes) return;
  tile_shapes = wanted;
  TileShapes shapes;
  for (int k = 0; k < 8; ++k) {
    const bool is_second = k == 2 || k == 3 || k == 5;
    shapes.rows[k] = static_cast<uint8_t>(k >= 6 ? pairs : is_second ? second : first);
    shapes.bytes[k] = static_cast<uint16_t>(k == 4 || k == 5 ? 4 * pairs : 64);
  }
  __asm__ volatile("" : : "m"(shapes) : "memory");
  _tile_loadconfig(&shapes);
}

// For as long as a thread multiplies. Others that use tiles leave them in shapes of their own, and a thread that has none in use is
// switched faster.
struct TilesInUse {
  TilesInUse() { tile_shapes = 0; }
  ~TilesInUse() {
    if (tile_shapes != 0) _tile_release();
    tile_shapes = 0;
  }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

// Distances in bytes.
struct TileBlock {
  const char *a, *w, *from;
  char* to;
  int64_t a_row, w_step, from_row, to_row;
  int64_t deep;  // how many tiles. (Fetching later weights besides costs a tenth here: the loads of tiles fill the way already.)
};

// Two tiles of rows by at most two of columns, or one by at most four. P: parts that stand for a number; with two of them, at most
// two columns.
template <int P, int R, int C> void MultiplyBlock(const TileBlock& t) {
  __asm__ volatile("" : : : "memory");  // the intrinsics do not say what they read
  const char *a = t.a, *w = t.w;
  const int64_t a_row = t.a_row, w_step = t.w_step, next_rows = kTileRows * a_row, next_pairs = kTilePairs * w_step;
  if (t.from == nullptr) {
    _tile_zero(0);
    if constexpr (C > 1) _tile_zero(1);
    if constexpr (C > 2 || R > 1) _tile_zero(2);
    if constexpr (C > 3 || (R > 1 && C > 1)) _tile_zero(3);
  } else {
    const char* const from = t.from;
    const int64_t row = t.from_row;
    _tile_loadd(0, from, row);
    if constexpr (C > 1) _tile_loadd(1, from + 64, row);
    if constexpr (R > 1) {
      _tile_loadd(2, from + kTileRows * row, row);
      if constexpr (C > 1) _tile_loadd(3, from + kTileRows * row + 64, row);
    } else {
      if constexpr (C > 2) _tile_loadd(2, from + 128, row);
      if constexpr (C > 3) _tile_loadd(3, from + 192, row);
    }
  }
  for (int64_t k = 0; k < t.deep; ++k, a += P * kTileBytes, w += P * next_pairs) {
    _tile_loadd(4, a, a_row);
    _tile_loadd(6, w, w_step);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (C > 1) {
      _tile_loadd(7, w + 64, w_step);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (R > 1) {
      _tile_loadd(5, a + next_rows, a_row);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (C > 1) _tile_dpbf16ps(3, 5, 7);
    } else {
      if constexpr (C > 2) {
        _tile_loadd(6, w + 128, w_step);
        _tile_dpbf16ps(2, 4, 6);
      }
      if constexpr (C > 3) {
        _tile_loadd(7, w + 192, w_step);
        _tile_dpbf16ps(3, 4, 7);
      }
    }
    if constexpr (P > 1) {
      static_assert(C <= 2, "high parts of w stay in two tiles");
      // Low parts of a times high parts of w, which are still here, then high parts of a times low parts of w.
      const char* const low = w + next_pairs;
      if constexpr (R > 1) {
        _tile_loadd(4, a + kTileBytes, a_row);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (C > 1) _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + kTileBytes + next_rows, a_row);
        _tile_dpbf16ps(2, 5, 6);
        if constexpr (C > 1) _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, a, a_row);
      } else {
        _tile_loadd(5, a + kTileBytes, a_row);
        _tile_dpbf16ps(0, 5, 6);
        if constexpr (C > 1) _tile_dpbf16ps(1, 5, 7);
      }
      _tile_loadd(6, low, w_step);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (C > 1) {
        _tile_loadd(7, low + 64, w_step);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (R > 1) {
        _tile_loadd(5, a + next_rows, a_row);
        _tile_dpbf16ps(2, 5, 6);
        if constexpr (C > 1) _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  char* const to = t.to;
  const int64_t row = t.to_row;
  _tile_stored(0, to, row);
  if constexpr (C > 1) _tile_stored(1, to + 64, row);
  if constexpr (R > 1) {
    _tile_stored(2, to + kTileRows * row, row);
    if constexpr (C > 1) _tile_stored(3, to + kTileRows * row + 64, row);
  } else {
    if constexpr (C > 2) _tile_stored(2, to + 128, row);
    if constexpr (C > 3) _tile_stored(3, to + 192, row);
  }
  __asm__ volatile("" : : : "memory");
}

// Of 1 to 32 rows, all columns.
template <int P> void MultiplyColumns(int64_t rows, int64_t vectors, TileBlock t, int64_t pairs) {
  const bool two = rows > kTileRows;
  ShapeTiles(two ? kTileRows : rows, two ? rows - kTileRows : rows, pairs);
  const int64_t most = two || P > 1 ? 2 : 4;
  for (int64_t c = 0; c < vectors; c += most) {
    const int64_t cs = vectors - c < most ? vectors - c : most;
    if (two) {
      if (cs == 2) MultiplyBlock<P, 2, 2>(t);
      else MultiplyBlock<P, 2, 1>(t);
    } else {
      switch (cs) {
        case 1: MultiplyBlock<P, 1, 1>(t); break;
        case 2: MultiplyBlock<P, 1, 2>(t); break;
        case 3: MultiplyBlock<P, 1, P == 1 ? 3 : 1>(t); break;
        default: MultiplyBlock<P, 1, P == 1 ? 4 : 1>(t);
      }
    }
    t.w += 64 * most;
    t.to += 64 * most;
    if (t.from != nullptr) t.from += 64 * most;
  }
}

// Any number of rows; `pairs` deep in all.
template <int P> void MultiplyOnTiles(int64_t rows, int64_t vectors, int64_t pairs, const TileBlock& all) {
  if (rows == 0 || vectors == 0) return;
  constexpr int64_t kPairs = P * kTilePairs;
  const int64_t whole = pairs / kPairs, rest = pairs % kPairs;  // of parts, there is no rest
  for (int64_t r = 0; r < rows; r += 2 * kTileRows) {
    const int64_t rs = rows - r < 2 * kTileRows ? rows - r : 2 * kTileRows;
    TileBlock t = all;
    t.a += r * t.a_row;
    t.to += r * t.to_row;
    if (t.from != nullptr) t.from += r * t.from_row;
    int64_t k = 0;
    do {  // nothing to add: `from` is still to be copied
      t.deep = whole - k < kTilesDeep / P ? whole - k : kTilesDeep / P;
      if (k > 0 || t.deep > 0 || rest == 0) {
        MultiplyColumns<P>(rs, vectors, t, kTilePairs);
        t.from = t.to;
        t.from_row = t.to_row;
      }
      k += t.deep;
      t.a += t.deep * P * kTileBytes;
      t.w += t.deep * kPairs * t.w_step;
    } while (k < whole);
    if (rest == 0) continue;
    t.deep = 1;
    MultiplyColumns<P>(rs, vectors, t, rest);
  }
}

}  // namespace
#endif
