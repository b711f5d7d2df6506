// The plain C interface of the kernel. Nothing here knows Python, NumPy or torch. Thread-safe for distinct outputs.
//
// R packed rows, N sequences, D inputs, H units, P width of h (H without projection), all arrays row-major and contiguous, of one
// dtype, except that the rows of x may lie x_stride elements apart. With bfloat16, only x, h, weights, biases, the mask and their
// gradients are bfloat16; other states, slots, held values and their gradients are float32. Callers check everything; nothing is
// checked here.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEEPHOLE_ABI 3

#if defined(_WIN32)
#define PEEPHOLE_API __declspec(dllexport)
#else
#define PEEPHOLE_API __attribute__((visibility("default")))
#endif

typedef struct PeepholeRun {
  const void* cell;             // from peephole_cell, of the same instruction set
  int32_t dtype;                // 0 float32, 1 float64, 2 bfloat16
  int32_t reverse;              // each sequence from its own last step to its first
  int64_t threads;
  int64_t split;                // 0: as the kernel sees fit, 1: threads own sequences, 2: threads own units
  int64_t precision;            // 0: as the dtype has it; 1: the forward pass may multiply float32 as sums of bfloat16 (2^-16)
  int64_t steps, batch, rows, inputs, hidden, width;
  const int64_t* batch_sizes;   // [steps]
  const void* x;                // [R, D]
  int64_t x_stride;
  const void* weight_ih;        // [G*H, D]
  const void* weight_hh;        // [G*H, P]
  const void* bias_ih;          // [G*H], or null
  const void* bias_hh;          // [G*H], or null
  const void* weight_hr;        // [P, H], or null
  const void* mask;             // [N, P], or null
  const void* const* parameter; // [parameters] the cell's own
  const void* const* state;     // [states] initial states [N, H], h [N, P]
  void* output;                 // [R, P] h of every row; written by forward, read by backward
  void* const* final_state;     // [states] out; null, or null members: not wanted
  void* const* slot;            // [slots] [R, H]; forward: null members are not stored; backward: read
  const void* const* held;      // [values] [R, H], NaN where a value is free; null: free
} PeepholeRun;

typedef struct PeepholeGradients {
  const void* d_output;               // [R, P], or null
  const void* const* d_final;         // [states], null members: nothing is asked
  const void* const* d_value;         // [values] [R, H], null members: nothing is asked (h: through d_output)
  void* d_x;                          // [R, D], or null: not wanted; so for all below
  void* d_weight_ih;
  void* d_weight_hh;
  void* d_bias_ih;
  void* d_bias_hh;
  void* d_weight_hr;
  void* const* d_parameter;           // [parameters]
  void* const* d_state;               // [states]
  void* const* d_value_out;           // [values] [R, H] gradient of each value, with everything that flows into it
} PeepholeGradients;

// 0, or 1 when memory ran out (outputs are then undefined).
PEEPHOLE_API int peephole_forward(const char* isa, const PeepholeRun* run);
PEEPHOLE_API int peephole_backward(const char* isa, const PeepholeRun* run, const PeepholeGradients* gradients);

// Instruction sets of this build that this machine can run, best first, separated by spaces.
PEEPHOLE_API const char* peephole_isas(void);
// A cell by its key, or null if this library was built without it.
PEEPHOLE_API const void* peephole_cell(const char* isa, const char* key);
PEEPHOLE_API int peephole_abi(void);
// From now on runs on the threads of the OpenMP runtime that this process has loaded, if there is one. 1 if it does.
PEEPHOLE_API int peephole_share_threads(void);
// Multiply-adds on registers alone, on the calling thread; returns how many were done, 0 for an unknown instruction set.
PEEPHOLE_API double peephole_peak(const char* isa, int32_t dtype, int64_t repetitions);
// Fills scratch memory with NaN before every call, or stops: for tests.
PEEPHOLE_API void peephole_poison(int on);
// Applies a function of the language (sigmoid, tanh, exp, log1p) to n numbers: for tests of its error bound. 0, or 1 if unknown.
PEEPHOLE_API int peephole_function(const char* isa, const char* name, int32_t dtype, int64_t n, const void* x, void* y);

#ifdef __cplusplus
}
#endif
