// The matrix product of the kernel: to[r][v] = from[r][v] + sum over k of a[r][k] * w[k][v], for a tile of rows and vectors.
//
// F is what the factors are (number.h). Where an instruction multiplies pairs of bfloat16, k counts pairs: a pair of a row lies
// together, and so do the two numbers of a column of w.
#pragma once

#include "number.h"
#include "tiles.h"
#include "vector.h"

namespace {

constexpr int kMaxVectors = 4;
// Rows of a tile by its number of vectors: as many accumulators as registers allow beside the vectors of w and one broadcast.
#if defined(__AVX512F__)
constexpr int kMaxRows[kMaxVectors + 1] = {0, 8, 8, 8, 6};
#else
constexpr int kMaxRows[kMaxVectors + 1] = {0, 8, 6, 4, 3};
#endif
constexpr int kRowLimit = 8;
// Tiles of so many rows have time to fetch something besides; in shorter ones it would only stand in the way.
constexpr int kLongTile = 5;

template <class F> struct TileProduct {
  const F* a[kRowLimit];     // row r of a
  const F* w;                // [count][vectors] vectors
  int64_t w_step;            // distance between rows of w
  int64_t count;             // how many k, or pairs of k
  const Real<F>* from;       // null: zero
  int64_t from_row;
  Real<F>* to;
  int64_t to_row;
  // What comes after this tile is fetched meanwhile: the sums of the next rows, and a part of the next weights, which otherwise are
  // waited for by the first rows that need them, while the way to the farther caches lies idle during all other rows.
  const char* next;          // weights
  int64_t next_step;         // bytes of them for each k
};

// sum += x * w, for one number (or pair) of a row of a and one vector of w.
template <class F, class V> inline V MultiplyAdd(V sum, V x, V w) {
#if defined(__AVX512BF16__)
  if constexpr (kPair<F> == 2) return (V)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#endif
  return sum + x * w;
}

template <class F, class V> inline V BroadcastFactor(const F* p) {
  if constexpr (kPair<F> == 2) {
    float pair;
    std::memcpy(&pair, p, sizeof(pair));
#if defined(__AVX512F__)
    return (V)_mm512_set1_ps(pair);  // moved as bits; Broadcast would compute with it
#endif
  } else {
    return Broadcast<V>(*p);
  }
}

template <class F, int R, int C> void Multiply(const TileProduct<F>& t) {
  typedef Real<F> T;
  typedef typename VectorOf<T>::Type V;
  constexpr int64_t W = kWidth<V>, P = kPair<F>;
  V sum[R][C];
  PEEPHOLE_UNROLL
  for (int r = 0; r < R; ++r) {
    PEEPHOLE_UNROLL
    for (int c = 0; c < C; ++c) sum[r][c] = V{};
  }
  const F* a[R];
  PEEPHOLE_UNROLL
  for (int r = 0; r < R; ++r) a[r] = t.a[r];
  if constexpr (R >= kLongTile) {
    PEEPHOLE_UNROLL
    for (int r = 0; r < R; ++r) {
      PEEPHOLE_UNROLL
      for (int c = 0; c < C; ++c) __builtin_prefetch(t.to + (R + r) * t.to_row + c * W, 1, 3);
    }
  }
  const F* w = t.w;
  const char* next = t.next;
  const int64_t end = t.count * P, w_step = t.w_step, next_step = t.next_step;
  for (int64_t k = 0; k < end; k += P, w += w_step) {
    if constexpr (R >= kLongTile) {
      __builtin_prefetch(next, 0, 2);
      next += next_step;
    }
    V weight[C];
    PEEPHOLE_UNROLL
    for (int c = 0; c < C; ++c) weight[c] = Load<V, true>(reinterpret_cast<const T*>(w + c * W * P), W);
#if defined(__AVX512F__)
    // Compilers fold a load into every multiply-add that uses it, which makes R loads of one. Pinned, it is loaded once.
    if constexpr (R > 1) {
      PEEPHOLE_UNROLL
      for (int c = 0; c < C; ++c) asm("" : "+v"(weight[c]));
    }
#endif
    PEEPHOLE_UNROLL
    for (int r = 0; r < R; ++r) {
      const V x = BroadcastFactor<F, V>(a[r] + k);
      PEEPHOLE_UNROLL
      for (int c = 0; c < C; ++c) sum[r][c] = MultiplyAdd<F>(sum[r][c], x, weight[c]);
    }
  }
  // What was there before is added last: a sum over many rows is then one of sums over a few, and loses less.
  alignas(64) static const T zeros[kMaxVectors * W] = {};
  const T* from = t.from == nullptr ? zeros : t.from;
  const int64_t from_row = t.from == nullptr ? 0 : t.from_row;
  T* const to = t.to;
  const int64_t to_row = t.to_row;
  PEEPHOLE_UNROLL
  for (int r = 0; r < R; ++r) {
    PEEPHOLE_UNROLL
    for (int c = 0; c < C; ++c)
      Store<true>(to + r * to_row + c * W, sum[r][c] + Load<V, true>(from + r * from_row + c * W, W), W);
  }
}

// What a thread holds while it multiplies.
struct Nothing {
  ~Nothing() {}  // so that nobody calls it unused
};
#if defined(__AMX_BF16__)
template <class F> using Multiplying = typename std::conditional<kOnTiles<F>, TilesInUse, Nothing>::type;
#else
template <class F> using Multiplying = Nothing;
#endif

template <class F> using MultiplyFunction = void (*)(const TileProduct<F>&);

template <class F, int C> constexpr MultiplyFunction<F> Select(int64_t rows) {
  constexpr int limit = kMaxRows[C];
  constexpr MultiplyFunction<F> table[] = {
      nullptr,           Multiply<F, 1, C>, Multiply<F, 2, C>, Multiply<F, 3, C>,
      Multiply<F, limit < 4 ? 1 : 4, C>, Multiply<F, limit < 5 ? 1 : 5, C>, Multiply<F, limit < 6 ? 1 : 6, C>,
      Multiply<F, limit < 7 ? 1 : 7, C>, Multiply<F, limit < 8 ? 1 : 8, C>};
  return table[rows];
}

// One tile: 1 <= rows <= kMaxRows[vectors], 1 <= vectors <= kMaxVectors.
template <class F> inline void MultiplyTile(int64_t rows, int64_t vectors, const TileProduct<F>& t) {
  switch (vectors) {
    case 1: return Select<F, 1>(rows)(t);
    case 2: return Select<F, 2>(rows)(t);
    case 3: return Select<F, 3>(rows)(t);
    default: return Select<F, 4>(rows)(t);
  }
}

// n items in as few parts of at most `limit` as possible, of even size: part k is [Begin(k), Begin(k + 1)). One part needs no
// division, of which a step of a single sequence would have more than it has products.
struct Split {
  int64_t n, parts;
  Split(int64_t n, int64_t limit) : n(n), parts(n <= limit ? n > 0 : (n + limit - 1) / limit) {}
  int64_t Begin(int64_t k) const { return parts == 1 ? k * n : k * n / parts; }
};

// Bytes of weights that stay in the first-level cache while all rows pass by.
constexpr int64_t kPanel = 32 * 1024;
// Rows that callers take together, so that their lanes stay there too.
template <class F> constexpr int64_t kRowsTogether = kOnTiles<F> ? 64 : 48;

// Any number of rows and vectors. `t.a` is not used: row r of a is a(r).
template <class F, class Rows>
void MultiplyOnVectors(int64_t rows, int64_t vectors, const Rows& a, const TileProduct<F>& t) {
  constexpr int64_t W = kWidth<typename VectorOf<Real<F>>::Type>, P = kPair<F>;
  const Split columns(vectors, kMaxVectors);
  for (int64_t j = 0; j < columns.parts; ++j) {
    const int64_t c = columns.Begin(j), cs = columns.Begin(j + 1) - c;
    const Split tiles(rows, kMaxRows[cs]);
    Split depth(t.count, kPanel / (cs * W * P * static_cast<int64_t>(sizeof(F))));
    if (depth.parts == 0) depth.parts = 1;  // nothing to add: `from` is still to be copied
    for (int64_t b = 0; b < depth.parts; ++b) {
      const int64_t k = depth.Begin(b);
      for (int64_t i = 0; i < tiles.parts; ++i) {
        const int64_t r = tiles.Begin(i), rs = tiles.Begin(i + 1) - r;
        TileProduct<F> tile;
        for (int64_t e = 0; e < rs; ++e) tile.a[e] = a(r + e) + k * P;
        tile.w = t.w + k * t.w_step + c * W * P;
        tile.w_step = t.w_step;
        tile.count = depth.Begin(b + 1) - k;
        const int64_t bytes = tile.count * t.w_step * static_cast<int64_t>(sizeof(F));
        tile.next = reinterpret_cast<const char*>(tile.w) + bytes;
        tile.next_step = 0;
        if (rs >= kLongTile && tile.count > 0) {
          tile.next += bytes * i / tiles.parts;
          tile.next_step = bytes / (tiles.parts * tile.count);
        }
        tile.to = t.to + r * t.to_row + c * W;
        tile.to_row = t.to_row;
        tile.from = b > 0 ? tile.to : t.from == nullptr ? nullptr : t.from + r * t.from_row + c * W;
        tile.from_row = b > 0 ? t.to_row : t.from_row;
        MultiplyTile(rs, cs, tile);
      }
    }
  }
}

// Likewise, however such numbers are multiplied here. Where that is on tiles, rows of a lie at one distance.
template <class F, class Rows>
void MultiplyRows(int64_t rows, int64_t vectors, const Rows& a, const TileProduct<F>& t) {
#if defined(__AMX_BF16__)
  if constexpr (kOnTiles<F>) {
    TileBlock block = {};
    block.a = reinterpret_cast<const char*>(rows > 0 ? a(0) : nullptr);
    block.a_row = rows > 1 ? reinterpret_cast<const char*>(a(1)) - block.a : kTileBytes;
    block.w = reinterpret_cast<const char*>(t.w);
    block.w_step = static_cast<int64_t>(sizeof(F)) * t.w_step;
    block.from = reinterpret_cast<const char*>(t.from);
    block.from_row = t.from == nullptr ? 0 : static_cast<int64_t>(sizeof(Real<F>)) * t.from_row;
    block.to = reinterpret_cast<char*>(t.to);
    block.to_row = static_cast<int64_t>(sizeof(Real<F>)) * t.to_row;
    MultiplyOnTiles<kParts<F>>(rows, vectors, t.count, block);
  } else {
    MultiplyOnVectors(rows, vectors, a, t);
  }
#else
  MultiplyOnVectors(rows, vectors, a, t);
#endif
}

// Likewise, into rows of any width: add(r, in) is given row r of the product, at most kMaxVectors vectors.
template <class F, class Rows, class Add>
void MultiplyToRows(int64_t rows, int64_t units, const Rows& a, const TileProduct<F>& t, const Add& add) {
  constexpr int64_t W = kWidth<typename VectorOf<Real<F>>::Type>;
  const int64_t vectors = (units + W - 1) / W;
  const Split chunks(rows, kRowsTogether<F>);
  alignas(64) Real<F> scratch[kRowsTogether<F> * kMaxVectors * W];
  for (int64_t i = 0; i < chunks.parts; ++i) {
    const int64_t r = chunks.Begin(i), rs = chunks.Begin(i + 1) - r;
    TileProduct<F> part = t;
    part.from = nullptr;
    part.to = scratch;
    part.to_row = vectors * W;
    MultiplyRows(rs, vectors, [&](int64_t k) { return a(r + k); }, part);
    for (int64_t k = 0; k < rs; ++k) add(r + k, scratch + k * vectors * W);
  }
}

}  // namespace
