// What an x86 processor, and the system that must save its registers, can do. The compilers have a function for it, but clang-cl does
// not link the library that this function lies in.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

struct Processor {
  bool avx2 = false, avx512 = false, avx512bf16 = false, amx = false, is_amd = false;

  Processor() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return;
    is_amd = b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163;  // "AuthenticAMD"
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = Bit(c, 12);
    if (!Bit(c, 27)) return;  // the system does not say what it saves
    unsigned saved, high;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = fma && Bit(b, 5) && (saved & 0x06) == 0x06;
#if defined(__APPLE__)
    const bool saves_avx512 = true;  // from its first use on
#else
    const bool saves_avx512 = (saved & 0xe6) == 0xe6;
#endif
    avx512 = avx2 && saves_avx512 && Bit(b, 16) && Bit(b, 17) && Bit(b, 30) && Bit(b, 31);  // F, DQ, BW, VL
    avx512bf16 = avx512 && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && Bit(a, 5);
    // Tiles of bfloat16. A process must also ask its system for their registers: see `MayUseTiles`.
    amx = avx512bf16 && (saved & 0x60000) == 0x60000 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && Bit(d, 22) && Bit(d, 24);
  }

 private:
  static bool Bit(unsigned value, int k) { return (value >> k & 1) != 0; }
};

#if defined(__linux__)
// Linux gives a process the eight kilobytes of tile registers if it asks, for all of its threads and their children. It refuses where
// a thread's stack for signals could not hold them, and where an administrator says so.
inline bool MayUseTiles() {
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}
#else
inline bool MayUseTiles() { return false; }
#endif

}  // namespace
#endif
