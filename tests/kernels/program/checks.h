// What the program checks, for one instruction set at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "problem.h"

// Small problems: every cell, H and D in 1 … `largest`, with all options in turn.
std::vector<Problem> SmallProblems(int64_t largest);
// Problems beyond one tile, one block of rows and one thread.
std::vector<Problem> LargeProblems(bool quick);

// Results and gradients of both dtypes against the baseline build in float64.
void CheckAgainstBaseline(const char* isa, const std::vector<Problem>& problems);
// High precision of float32 stays within bfloat16's rounding of the highest, with the same bits for any number of threads.
void CheckHighPrecision(const char* isa, const std::vector<Problem>& problems);
// Gradients against finite differences in float64, every value held in turn.
void CheckDerivatives(const char* isa);
// A sequence in a batch gets what it gets alone, its rows turned round where the pass is reversed.
void CheckSequencesAlone(const char* isa);
// Asking for less changes no bit of the rest.
void CheckPartialRequests(const char* isa);
// Any number of threads and either way of dividing the work: the same bits forwards; backwards the same for the same number and
// division, and close to it for any.
void CheckThreads(const char* isa, bool quick);
// Several callers at once; forked children, while another thread is inside a call.
void CheckCallers(const char* isa);
void CheckForks(const char* isa);
// Lets the kernel run on the threads of an OpenMP runtime, if there is one to load. It does so until the program ends.
bool ShareThreads();
// The functions of the language on 0 … 40 numbers.
void CheckFunctions(const char* isa);
