// The cells of the build, as the test program knows them. The list itself is written by list-cells while the program is built.
#pragma once

#include <cstdint>
#include <vector>

struct OwnParameter {
  int parts;
  bool is_matrix;  // [parts * H, H], else [parts, H]
};

struct Cell {
  const char *name, *key;
  bool projectable;
  bool is_smooth;          // no relu or the like, whose derivative jumps where rounding changes a sign
  int gates, states, values, slots;
  int home;                // the slot of h
  std::vector<int> saved;  // slots that the backward pass reads
  std::vector<OwnParameter> parameters;
};

const std::vector<Cell>& Cells();
