// What one build of the kernel offers to the library.
#pragma once

#include "peephole.h"

struct Isa {
  const void* (*find)(const char* key);
  int (*forward)(const PeepholeRun*);
  int (*backward)(const PeepholeRun*, const PeepholeGradients*);
  int (*apply)(const char* name, int32_t dtype, int64_t n, const void* x, void* y);
  double (*peak)(int32_t dtype, int64_t repetitions);
};
