// The kernel for one instruction set: compiled once for each, with PEEPHOLE_BYTES and the compiler's flags for it.
#include <cmath>
#include <cstring>

#include "isa.h"
#include "peak.h"
#include "run.h"

namespace {

#include "cells.inc"

const void* Find(const char* key) {
  for (int k = 0; k < kCellCount; ++k)
    if (std::strcmp(kCells[k]->key, key) == 0) return kCells[k];
  return nullptr;
}

int RunForwardAny(const PeepholeRun* run) {
  try {
    switch (run->dtype) {
      case 0:
#if defined(__AMX_BF16__)
        if (run->precision != 0) {
          RunForward<High>(*run);
          break;
        }
#endif
        RunForward<float>(*run);
        break;
      case 1: RunForward<double>(*run); break;
      default: RunForward<Bfloat16>(*run);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

int RunBackwardAny(const PeepholeRun* run, const PeepholeGradients* gradients) {
  try {
    switch (run->dtype) {
      case 0: RunBackward<float>(*run, *gradients); break;
      case 1: RunBackward<double>(*run, *gradients); break;
      default: RunBackward<Bfloat16>(*run, *gradients);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

template <class V> int Apply(const char* name, int64_t n, const Scalar<V>* x, Scalar<V>* y) {
  for (int64_t k = 0; k < n; k += kWidth<V>) {
    const int64_t count = n - k < kWidth<V> ? n - k : kWidth<V>;
    V v = count == kWidth<V> ? Load<V, true>(x + k, count) : Load<V, false>(x + k, count);
    if (std::strcmp(name, "sigmoid") == 0) v = Sigmoid(v);
    else if (std::strcmp(name, "tanh") == 0) v = Tanh(v);
    else if (std::strcmp(name, "exp") == 0) v = Exp(v);
    else if (std::strcmp(name, "log1p") == 0) v = Log1p(v);
    else return 1;
    if (count == kWidth<V>) Store<true>(y + k, v, count);
    else Store<false>(y + k, v, count);
  }
  return 0;
}

int ApplyAny(const char* name, int32_t dtype, int64_t n, const void* x, void* y) {
  return dtype == 0 ? Apply<Float>(name, n, As<float>(x), As<float>(y)) : Apply<Double>(name, n, As<double>(x), As<double>(y));
}

const Isa kIsa = {Find, RunForwardAny, RunBackwardAny, ApplyAny, Peak};

}  // namespace

extern "C" const Isa* PEEPHOLE_ENTRY(void) { return &kIsa; }
