#include <algorithm>
#include <functional>

#include "checks.h"

const std::vector<Cell>& Cells() {
  static const std::vector<Cell> cells = {
#include "shipped.inc"
  };
  return cells;
}

namespace {

Problem Small(const Cell& cell, int64_t n, uint64_t seed) {
  Random random(seed);
  Problem p;
  p.cell = &cell;
  p.hidden = n;
  p.inputs = 1 + random.Below(n + 3);
  const int64_t batch = random.Below(12);
  for (int64_t k = 0; k < batch; ++k) p.lengths.push_back(random.Below(8));
  if (n % 5 == 0) std::fill(p.lengths.begin(), p.lengths.end(), 5);  // a dense batch
  std::sort(p.lengths.begin(), p.lengths.end(), std::greater<int64_t>());
  p.reverse = random.Below(2) == 1;
  p.has_bias = random.Below(4) != 0;
  p.has_mask = random.Below(3) == 0;
  p.is_coarse = n % 3 == 0;
  p.gap = random.Below(3) == 0 ? 1 + random.Below(20) : 0;
  if (cell.projectable && random.Below(3) == 0) p.projection = 1 + random.Below(n + 4);
  if (random.Below(3) == 0) p.held = random.Next() & ((uint64_t{1} << cell.values) - 1);
  Draw(p, seed);
  return p;
}

}  // namespace

std::vector<Problem> SmallProblems(int64_t largest) {
  std::vector<Problem> problems;
  uint64_t seed = 0;
  for (const Cell& cell : Cells())
    for (int64_t n = 1; n <= largest; ++n) problems.push_back(Small(cell, n, ++seed));
  // No sequences; sequences without rows; one row.
  for (const Cell& cell : Cells())
    for (const std::vector<int64_t>& lengths : {std::vector<int64_t>{}, {0, 0, 0}, {1}}) {
      Problem p = {&cell, lengths, 3, 17};
      p.has_mask = true;
      Draw(p, ++seed);
      problems.push_back(p);
    }
  return problems;
}

std::vector<Problem> LargeProblems(bool quick) {
  struct Size {
    std::vector<int64_t> lengths;
    int64_t inputs, hidden, projection;
  };
  std::vector<int64_t> many(101, 3), ragged;
  for (int64_t k = 0; k < 20; ++k) ragged.push_back(k < 3 ? 3 : 1);
  std::vector<Size> sizes = {
      {{4, 4, 2}, 130, 67, 0},    // parts of a vector, more than one panel of weights
      {many, 5, 20, 0},           // more rows of a step than are taken together
      {{330, 270, 20}, 3, 18, 9}, // more rows than a block holds, in both passes
  };
  if (!quick) {
    sizes.push_back({ragged, 96, 130, 70});
    sizes.push_back({{5}, 64, 256, 0});  // one sequence
  }
  std::vector<Problem> problems;
  uint64_t seed = 1000;
  for (const Cell& cell : Cells())
    for (const Size& size : sizes) {
      Problem p = {&cell, size.lengths, size.inputs, size.hidden};
      p.projection = cell.projectable ? size.projection : 0;
      p.reverse = ++seed % 2 == 0;
      p.has_mask = seed % 3 == 0;
      p.is_coarse = seed % 2 == 0;
      Draw(p, seed);
      problems.push_back(p);
    }
  return problems;
}
