// Threads: the kernel's own, several callers at once, and forked children.
#include <atomic>
#include <thread>

#include "checks.h"
#include "peephole.h"
#include "report.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

// Little work, which is divided because that is asked for: several sequences and one alone, of every cell.
std::vector<Problem> Divided() {
  std::vector<Problem> problems;
  uint64_t seed = 5000;
  for (const Cell& cell : Cells())
    for (const std::vector<int64_t>& lengths : {std::vector<int64_t>{9, 9, 7, 4, 4, 1, 0}, {12}}) {
      Problem p = {&cell, lengths, 9, lengths.size() == 1 ? 150 : 37};
      p.reverse = ++seed / 2 % 2 == 0;
      p.has_mask = seed % 3 == 0;
      p.projection = cell.projectable && seed % 5 < 2 ? 21 : 0;
      p.is_coarse = true;
      Draw(p, seed);
      problems.push_back(p);
    }
  return problems;
}

// Enough work that the kernel itself divides it.
std::vector<Problem> Heavy() {
  std::vector<int64_t> ragged;
  for (int64_t k = 0; k < 13; ++k) ragged.push_back(20 - k);
  std::vector<Problem> problems;
  uint64_t seed = 6000;
  for (const Cell& cell : Cells()) {
    if (cell.states != 2 || problems.size() == 4) continue;
    for (const std::vector<int64_t>& lengths : {ragged, {12}}) {
      Problem p = {&cell, lengths, 64, lengths.size() == 1 ? 300 : 70};
      Draw(p, ++seed);
      problems.push_back(p);
    }
  }
  return problems;
}

void CheckThreadsOn(const Problem& p, const How& one, const std::vector<int64_t>& splits) {
  const Named alone = Run(p, one);
  Named forward;
  for (const auto& [name, numbers] : alone)
    if (!IsGradient(name)) forward[name] = numbers;
  for (int64_t split : splits)
    for (int64_t threads : {2, 3}) {
      How how = one;
      how.threads = threads;
      how.split = split;
      const Named many = Run(p, how);
      CompareBits(p, how, many, forward);
      Compare(p, how, many, alone);
      if (threads == 3) CompareBits(p, how, Run(p, how), many);
    }
}

How DividedHow(const char* isa, size_t job) { return {isa, static_cast<int32_t>(job % 3), 2 + static_cast<int64_t>(job % 2), 1 + static_cast<int64_t>(job / 2 % 2)}; }

}  // namespace

void CheckThreads(const char* isa, bool quick) {
  int32_t dtype = 0;
  for (const Problem& p : Divided()) CheckThreadsOn(p, {isa, dtype++ % 3}, {1, 2});
  if (!quick)
    for (const Problem& p : Heavy()) CheckThreadsOn(p, {isa, 0}, {0});
}

void CheckCallers(const char* isa) {
  const std::vector<Problem> problems = Divided();
  std::vector<Named> alone;
  for (size_t k = 0; k < problems.size(); ++k) alone.push_back(Run(problems[k], {isa, DividedHow(isa, k).dtype}));
  std::atomic<size_t> next{0};
  std::vector<std::thread> callers;
  for (int k = 0; k < 4; ++k)
    callers.emplace_back([&] {
      for (size_t job = next++; job < 4 * problems.size(); job = next++) {
        const size_t at = job % problems.size();
        // A caller that finds the threads taken does its work alone: sums of gradients are then taken in another order.
        Named forward, found = Run(problems[at], DividedHow(isa, at));
        for (const auto& [name, numbers] : alone[at])
          if (!IsGradient(name)) forward[name] = numbers;
        CompareBits(problems[at], DividedHow(isa, at), found, forward);
        Compare(problems[at], DividedHow(isa, at), found, alone[at]);
      }
    });
  for (std::thread& caller : callers) caller.join();
}

#if !defined(_WIN32)
namespace {

bool SameResults(const Named& a, const Named& b) {
  for (const auto& [name, numbers] : a) {
    const auto found = b.find(name);
    if (found == b.end() || found->second != numbers) return false;
  }
  return true;
}

}  // namespace

void CheckForks(const char* isa) {
  const std::vector<Problem> problems = Divided();
  std::vector<Named> expected;
  for (size_t k = 0; k < 4; ++k) expected.push_back(Run(problems[k], DividedHow(isa, k)));
  const auto all_same = [&] {
    bool same = true;
    for (size_t k = 0; k < 4; ++k) same &= SameResults(expected[k], Run(problems[k], DividedHow(isa, k)));
    return same;
  };
  std::atomic<bool> stop{false};
  // A caller that keeps the parent's threads busy while it forks.
  std::thread caller([&] {
    while (!stop) Run(problems[0], DividedHow(isa, 0));
  });
  for (int k = 0; k < 8; ++k) {
    const pid_t child = fork();
    if (child == 0) {
      bool same = all_same();
      if (k == 0) {  // a child of the child
        const pid_t second = fork();
        if (second == 0) _exit(all_same() ? 0 : 1);
        int status = 1;
        waitpid(second, &status, 0);
        same &= status == 0;
      }
      _exit(same ? 0 : 1);
    }
    int status = 1;
    Check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "%s: a forked child ended with status %d", isa, status);
  }
  stop = true;
  caller.join();
  Check(all_same(), "%s: after forks the parent computes something else", isa);
}
#endif

bool ShareThreads() {
#if !defined(_WIN32)
  for (const char* name : {"libgomp.so.1", "libomp.so.5", "libomp.so"})
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) != nullptr) return peephole_share_threads() == 1;
#endif
  return false;
}
