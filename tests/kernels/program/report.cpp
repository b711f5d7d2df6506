#include "report.h"

#include <atomic>
#include <cstdio>

namespace {
// No lock: a child forked while another thread holds one would wait for ever.
std::atomic<int64_t> checks{0}, failures{0}, said{0};
std::atomic<double> largest{0.0};
}  // namespace

bool Check(bool holds, const char* format, ...) {
  ++checks;
  if (holds) return true;
  ++failures;
  if (said++ < 20) {
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "FAILED: %s\n", text);
  }
  return false;
}

void NoteError(double part) {
  double seen = largest.load();
  while (part > seen && !largest.compare_exchange_weak(seen, part)) {}
}

Counts TakeCounts() { return {checks.exchange(0), failures.exchange(0), largest.exchange(0.0)}; }
