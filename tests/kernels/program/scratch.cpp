// In the place of the library's memory.cpp, which is built here under other names.
#include "scratch.h"

#include <atomic>

#include "guarded.h"

#define peephole_take_memory library_take_memory
#define peephole_give_memory library_give_memory
#include "memory.cpp"
#undef peephole_take_memory
#undef peephole_give_memory

namespace {
std::atomic<bool> is_guarded{false};
}

void GuardScratch(bool on) { is_guarded = on; }

extern "C" {

// Not one byte more than was asked for: each array of a call then has a piece, and a border, of its own.
void* peephole_take_memory(size_t* bytes) { return is_guarded ? TakeGuarded(*bytes, 0xff) : library_take_memory(bytes); }

void peephole_give_memory(void* piece, size_t bytes) { is_guarded ? FreeGuarded(piece, bytes) : library_give_memory(piece, bytes); }

}  // extern "C"
