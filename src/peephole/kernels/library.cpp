// The library: which instruction sets there are.
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "isa.h"
#include "processor.h"

extern "C" {
#if defined(__aarch64__)
const Isa* peephole_isa_neon(void);
#else
const Isa* peephole_isa_baseline(void);
#endif
#if defined(__x86_64__)
const Isa* peephole_isa_avx2(void);
const Isa* peephole_isa_avx512(void);
const Isa* peephole_isa_avx512bf16(void);
#if defined(PEEPHOLE_AMX)
const Isa* peephole_isa_amx(void);
#endif
#endif
}

namespace {

struct Build {
  const char* name;
  const Isa* isa;
};

// Not destroyed: other threads may call while the program ends.
const std::vector<Build>& Builds() {
  static const std::vector<Build>& builds = *new std::vector<Build>([] {
    std::vector<Build> found;
#if defined(__x86_64__)
    const Processor processor;
#if defined(PEEPHOLE_AMX)
    if (processor.amx && MayUseTiles()) found.push_back({"amx", peephole_isa_amx()});
#endif
    // The next two differ for bfloat16 alone. Intel's processors take a dot product of pairs at half the rate of two multiply-adds of
    // float32, or less, AMD's at twice that.
    const bool prefers_bf16 = processor.avx512bf16 && processor.is_amd;
    if (prefers_bf16) found.push_back({"avx512bf16", peephole_isa_avx512bf16()});
    if (processor.avx512) found.push_back({"avx512", peephole_isa_avx512()});
    if (processor.avx512bf16 && !prefers_bf16) found.push_back({"avx512bf16", peephole_isa_avx512bf16()});
    if (processor.avx2) found.push_back({"avx2", peephole_isa_avx2()});
#endif
#if defined(__aarch64__)
    found.push_back({"neon", peephole_isa_neon()});
#else
    found.push_back({"baseline", peephole_isa_baseline()});
#endif
    return found;
  }());
  return builds;
}

const Isa* FindIsa(const char* name) {
  for (const Build& build : Builds())
    if (std::strcmp(build.name, name) == 0) return build.isa;
  return nullptr;
}

std::atomic<int> poisoned{0};

}  // namespace

extern "C" {

int peephole_is_poisoned(void) { return poisoned.load(); }

void peephole_poison(int on) { poisoned.store(on); }

int peephole_abi(void) { return PEEPHOLE_ABI; }

const char* peephole_isas(void) {
  static const std::string& names = *new std::string([] {
    std::string joined;
    for (const Build& build : Builds()) joined += (joined.empty() ? "" : " ") + std::string(build.name);
    return joined;
  }());
  return names.c_str();
}

const void* peephole_cell(const char* isa, const char* key) {
  const Isa* found = FindIsa(isa);
  return found == nullptr ? nullptr : found->find(key);
}

int peephole_forward(const char* isa, const PeepholeRun* run) { return FindIsa(isa)->forward(run); }

int peephole_backward(const char* isa, const PeepholeRun* run, const PeepholeGradients* gradients) {
  return FindIsa(isa)->backward(run, gradients);
}

double peephole_peak(const char* isa, int32_t dtype, int64_t repetitions) {
  const Isa* found = FindIsa(isa);
  return found == nullptr ? 0 : found->peak(dtype, repetitions);
}

int peephole_function(const char* isa, const char* name, int32_t dtype, int64_t n, const void* x, void* y) {
  const Isa* found = FindIsa(isa);
  return found == nullptr ? 1 : found->apply(name, dtype, n, x, y);
}

}  // extern "C"
