// Counting checks, and saying which ones failed.
#pragma once

#include <cstdarg>
#include <cstdint>

// Counts one check; if it does not hold, says so on standard error (the first 20 of them). Threads may call it at once.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool Check(bool holds, const char* format, ...);

// Remembers the largest error seen, in parts of the bound that it must keep.
void NoteError(double part);

struct Counts {
  int64_t checks, failures;
  double largest;  // error, in parts of its bound
};
// What has been counted since the last call.
Counts TakeCounts();
