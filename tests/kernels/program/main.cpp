// The kernel's own test program: drives the C interface, without Python.
//
//   kernel-tests [--list] [--quick] [--threads] [--no-fork] [--no-openmp] [ISA …]
//
// All instruction sets of this build that this machine has, or those named. --list: prints them and does nothing else. --quick: fewer
// sizes, for an emulated machine. --threads: only what several threads do. --no-fork: without forked children. --no-openmp: without the
// threads of an OpenMP runtime. Ends with 0 if every check held, 1 if one did not, 2 if the arguments make no sense.
#include <cstdio>
#include <ctime>
#include <functional>
#include <sstream>

#include "checks.h"
#include "peephole.h"
#include "report.h"
#include "scratch.h"

namespace {

void RunCheck(const char* isa, const char* title, bool* failed, const std::function<void()>& check) {
  const std::clock_t before = std::clock();
  check();
  const Counts counts = TakeCounts();
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  std::printf("%-10s %-34s %8lld checks, %lld failed", isa, title, static_cast<long long>(counts.checks),
              static_cast<long long>(counts.failures));
  if (counts.largest > 0) std::printf("; largest error %.2f of its bound", counts.largest);
  std::printf(" (%.1f s of processors)\n", seconds);
  std::fflush(stdout);
  *failed |= counts.failures != 0;
}

struct Options {
  bool quick = false, only_threads = false, forks = true, shared = true;
};

bool RunThreads(const char* isa, const Options& options) {
  bool failed = false;
  const auto run = [&](const char* title, const std::function<void()>& check) { RunCheck(isa, title, &failed, check); };
  run("numbers of threads", [&] { CheckThreads(isa, options.quick); });
  run("several callers", [&] { CheckCallers(isa); });
#if !defined(_WIN32)
  if (options.forks) run("forked children", [&] { CheckForks(isa); });
#endif
  return failed;
}

bool RunAll(const char* isa, const Options& options) {
  const bool quick = options.quick;
  bool failed = false;
  const auto run = [&](const char* title, const std::function<void()>& check) { RunCheck(isa, title, &failed, check); };
  run("functions", [&] { CheckFunctions(isa); });
  run("small sizes against the baseline", [&] { CheckAgainstBaseline(isa, SmallProblems(quick ? 18 : 40)); });
  run("large sizes against the baseline", [&] { CheckAgainstBaseline(isa, LargeProblems(quick)); });
  run("high precision", [&] { CheckHighPrecision(isa, SmallProblems(quick ? 18 : 40)); });
  run("finite differences", [&] { CheckDerivatives(isa); });
  run("sequences alone and together", [&] { CheckSequencesAlone(isa); });
  run("asking for less", [&] { CheckPartialRequests(isa); });
  return failed;
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  bool failed = false;
  std::vector<std::string> there, wanted;
  std::istringstream names(peephole_isas());
  for (std::string name; names >> name;) there.push_back(name);
  for (int k = 1; k < count; ++k) {
    const std::string argument = arguments[k];
    bool known = false;
    for (const std::string& name : there) known |= argument == name;
    if (argument == "--list") {
      std::puts(peephole_isas());
      return 0;
    }
    if (argument == "--quick") options.quick = true;
    else if (argument == "--threads") options.only_threads = true;
    else if (argument == "--no-fork") options.forks = false;
    else if (argument == "--no-openmp") options.shared = false;
    else if (known) wanted.push_back(argument);
    else {
      std::fprintf(stderr, "kernel-tests: there is no %s; this machine has: %s\n", arguments[k], peephole_isas());
      return 2;
    }
  }
  if (wanted.empty()) wanted = there;
  peephole_poison(1);
  GuardScratch(true);
  for (const std::string& isa : wanted)
    if (!options.only_threads) failed |= RunAll(isa.c_str(), options);
  GuardScratch(false);
  for (const std::string& isa : wanted) failed |= RunThreads(isa.c_str(), options);
  if (options.shared) {
    const bool is_shared = ShareThreads();
    std::puts(is_shared ? "the same on the threads of an OpenMP runtime:" : "no OpenMP runtime can be loaded here");
    options.quick = true;
    for (const std::string& isa : wanted)
      if (is_shared) failed |= RunThreads(isa.c_str(), options);
  }
  std::puts(failed ? "FAILED" : "all checks held");
  return failed ? 1 : 0;
}
