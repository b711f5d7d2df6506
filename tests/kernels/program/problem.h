// One call of the kernel: its sizes, its numbers, and what came out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cells.h"

typedef std::vector<double> Numbers;
typedef std::map<std::string, Numbers> Named;

// Numbers that are the same on every machine (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  double Between(double low, double high) { return low + (high - low) * static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

struct Problem {
  const Cell* cell;
  std::vector<int64_t> lengths;  // longest first
  int64_t inputs, hidden;
  int64_t projection = 0;        // width of h; 0: it is not projected
  int64_t gap = 0;               // elements between the rows of x
  bool reverse = false, has_bias = true, has_mask = false;
  uint64_t held = 0;             // bit k: value k is held
  bool is_coarse = false;        // its numbers are bfloat16's, else float32's: what a dtype can hold, all wider ones can
  Named input = {};  // x, weight_ih …, mask, "parameter k", "state k", "held k"
  Named asked = {};  // what the loss asks: output, "final k", "value k"

  int64_t batch() const { return static_cast<int64_t>(lengths.size()); }
  int64_t steps() const { return lengths.empty() ? 0 : lengths[0]; }
  int64_t rows() const;
  int64_t width() const { return projection == 0 ? hidden : projection; }
  std::vector<int64_t> BatchSizes() const;
  int64_t StateWidth(int state) const { return state == 0 ? width() : hidden; }
  std::string Describe() const;
};

// Fills `input` and `asked`.
void Draw(Problem& problem, uint64_t seed);

struct How {
  const char* isa;
  int32_t dtype;            // 0 float32, 1 float64, 2 bfloat16
  int64_t threads = 1;
  int64_t split = 0;        // as in PeepholeRun
  bool backward = true;
  bool everything = true;   // else: h of every row and what the backward pass needs, and nothing more
  std::string only = {};    // this one gradient, and no other; empty: all
  int64_t precision = 0;    // as in PeepholeRun

  std::string Describe() const;
};

// Runs forward, and backward if asked. Results by name: output, "final k", "slot k"; gradients: "d x" and so on by the names of
// inputs, "d held k" for every value. Checks that inputs are only read and that nothing is written beside an output.
Named Run(const Problem& problem, const How& how);

bool IsGradient(const std::string& name);

// The sum of what came out, weighted by what is asked: its gradients are what the backward pass computes.
double Loss(const Problem& problem, const Named& results);

// Compares by name, each within the rounding of `dtype` in sums of as many terms as the problem has. Gradients of a cell that is not
// smooth are not compared in bfloat16.
void Compare(const Problem& problem, const How& how, const Named& actual, const Named& expected);
// The same bits.
void CompareBits(const Problem& problem, const How& how, const Named& actual, const Named& expected);
