// What the kernel knows of a cell: tables and pointwise functions, written by peephole.equations.emit_cpp.
// The words (lane, source, product, phase, level, slot) are explained in equations/lanes.py and equations/plan.py.
#pragma once

#include "vector.h"

namespace {

// A few rows of one phase, one vector of units. `n` units are real where a function is compiled with full = false.
template <class T> struct ForwardTile {
  int64_t rows;
  int64_t first, count;          // first unit, and how many
  int64_t width;                 // H
  const T* lanes;                // lane l of row r at r * lanes_row + l * lane, padded to a vector
  int64_t lanes_row, lane;
  const T* const* const* prev;   // [states][rows] states before the step
  T* const* const* state;        // [states][rows] states after it
  const int64_t* row;            // [rows] packed row
  T* const* slot;                // [slots] arrays [R, H] to store values in; null: not stored
  const T* const* held;          // [values] arrays [R, H] of held values, NaN where a value is free; null: free
  T* const* kept;                // [kept] scratch for later phases, row r at r * scratch_row
  T* const* operand;             // [operands] likewise
  int64_t scratch_row;
  const T* const* parameter;     // [vectors] arrays [H]
};

template <class T> struct BackwardTile {
  int64_t rows, first, count, width;
  const T* const* const* prev;     // [states][rows] states before the step
  const T* const* const* d_state;  // [states][rows] what later steps ask of the states, padded
  T* const* const* d_prev;         // [states][rows] out, padded: gradient of the states before the step, along pointwise paths
  const int64_t* row;
  const T* const* slot;            // [slots] stored values
  const T* const* held;            // [values] likewise
  const T* const* d_value;         // [values] arrays [R, H]: what the loss asks of a value; null: nothing
  T* const* d_value_out;           // [values] arrays [R, H], out; null: not wanted
  const T* const* d_operand;       // [operands] row r at r * scratch_row: what came back through products
  T* const* operand;               // [operands] out: the operand's value, for the gradient of its weights
  int64_t scratch_row;
  T* d_lanes;                      // out: lane l of row r at r * d_lanes_row + l * width
  int64_t d_lanes_row;
  const T* const* parameter;
  T* const* d_parameter;           // [vectors] sums, padded
};

template <class Tile> using Function = void (*)(const Tile&);

struct Source { int kind, index, masked; };         // kind: 0 input, 1 previous state, 2 operand
struct Product { int source, lane, array, block; };  // array: 0 weight_ih, 1 weight_hh, 2 + k the cell's parameter k
struct Vector { int parameter, part; };

template <class T> struct Functions {
  const Function<ForwardTile<T>> (*forward)[2];    // [phases][full]
  const Function<BackwardTile<T>> (*backward)[2];  // [levels][full]
};

struct CellTable {
  const char* key;
  int gates, states, values, slots, lanes, sources, products, phases, levels, kept, operands, vectors, parameters;
  const Source* source;
  const Product* product;
  const int *first_lane, *lane_level, *operand_phase, *operand_level, *state_slot;
  const Vector* vector;
  Functions<float> single;
  Functions<double> twice;
};

template <class T> inline const Functions<T>& FunctionsOf(const CellTable& cell) {
  if constexpr (sizeof(T) == 4) return cell.single;
  else return cell.twice;
}

}  // namespace
