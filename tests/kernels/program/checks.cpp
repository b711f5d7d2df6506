#include "checks.h"

#include <cmath>
#include <cstring>

#include "guarded.h"
#include "peephole.h"
#include "report.h"

void CheckAgainstBaseline(const char* isa, const std::vector<Problem>& problems) {
  // The baseline stands last; its name says what it is on this machine.
  const std::string all = peephole_isas(), baseline = all.substr(all.find_last_of(' ') + 1);
  for (const Problem& p : problems) {
    const Named expected = Run(p, {baseline.c_str(), 1});
    for (int32_t dtype = 0; dtype <= (p.is_coarse ? 2 : 1); ++dtype) {
      const How how = {isa, dtype, 1 + p.hidden % 3, (p.hidden + p.batch()) % 3};
      Compare(p, how, Run(p, how), expected);
    }
  }
}

void CheckHighPrecision(const char* isa, const std::vector<Problem>& problems) {
  for (const Problem& p : problems) {
    How how = {isa, 0};
    how.backward = false;
    const Named highest = Run(p, how);
    how.precision = 1;
    const Named high = Run(p, how);
    // Its own error bound is tested from Python; here it is enough that nothing is read or written beside the arrays, that it is
    // better than bfloat16, and that threads change no bit.
    const How within = {isa, 2};
    Compare(p, within, high, highest);
    for (int64_t split : {1, 2}) {
      how.threads = 3;
      how.split = split;
      CompareBits(p, how, Run(p, how), high);
    }
  }
}

namespace {

std::vector<int64_t> Ragged() { return {7, 5, 5, 2, 1, 0}; }

// (loss at +step - loss at -step) / (2 step) along a random direction in all inputs at once, against the gradients.
void CheckDerivative(const Problem& p, const How& how, uint64_t seed) {
  const double step = 1e-6;
  Named results = Run(p, how);
  Random random(seed);
  Problem plus = p, minus = p;
  double predicted = 0, size = 1;
  for (const auto& [name, numbers] : p.input) {
    if (name == "mask") continue;
    const Numbers& gradient = results["d " + name];
    if (!Check(gradient.size() == numbers.size(), "%s: there is no gradient of %s", p.Describe().c_str(), name.c_str())) return;
    for (size_t k = 0; k < numbers.size(); ++k) {
      const double direction = random.Between(-1, 1);
      plus.input[name][k] += step * direction;
      minus.input[name][k] -= step * direction;
      predicted += gradient[k] * direction;
      size += std::fabs(gradient[k] * direction);
    }
  }
  How only_forward = how;
  only_forward.backward = false;
  const double found = (Loss(p, Run(plus, only_forward)) - Loss(p, Run(minus, only_forward))) / (2 * step);
  // The third derivative leaves step^2 = 1e-12; rounding of the loss leaves eps / step = 2e-10, both times the size of the terms.
  const double bound = 1e-8 * size, error = std::fabs(found - predicted);
  Check(error <= bound, "%s, %s: the derivative is %.12g, the gradients say %.12g; bound %g", how.isa, p.Describe().c_str(),
        found, predicted, bound);
}

}  // namespace

void CheckDerivatives(const char* isa) {
  uint64_t seed = 2000;
  for (const Cell& cell : Cells())
    for (int64_t hidden : {1, 5, 19})
      for (int projected = 0; projected <= (cell.projectable ? 1 : 0); ++projected)
        for (int held = -1; held < cell.values; ++held) {
          Problem p = {&cell, Ragged(), 3, hidden};
          p.projection = projected * (1 + hidden / 2);
          p.reverse = ++seed % 2 == 0;
          p.has_mask = seed % 3 == 0;
          p.held = held < 0 ? 0 : uint64_t{1} << held;
          Draw(p, seed);
          CheckDerivative(p, {isa, 1}, seed);
        }
}

void CheckSequencesAlone(const char* isa) {
  uint64_t seed = 3000;
  for (const Cell& cell : Cells())
    for (bool reverse : {false, true}) {
      Problem p = {&cell, Ragged(), 4, 21};
      p.reverse = reverse;
      Draw(p, ++seed);
      How how = {isa, 1};
      how.backward = false;
      const Named together = Run(p, how);
      const std::vector<int64_t> sizes = p.BatchSizes();
      for (int64_t n = 0; n < p.batch(); ++n) {
        Problem alone = p;
        alone.lengths = {p.lengths[n]};
        alone.reverse = false;
        Numbers& x = alone.input["x"];
        x.clear();
        Named expected;
        int64_t first = 0;
        for (int64_t t = 0; t < p.lengths[n]; ++t) {
          const int64_t row = first + n;
          const auto at = p.input["x"].begin() + row * p.inputs;
          x.insert(reverse ? x.begin() : x.end(), at, at + p.inputs);
          const auto out = together.at("output").begin() + row * p.hidden;
          Numbers& output = expected["output"];
          output.insert(reverse ? output.begin() : output.end(), out, out + p.hidden);
          first += sizes[t];
        }
        for (int k = 0; k < cell.states; ++k) {
          const std::string number = std::to_string(k);
          const auto cut = [&](const Numbers& all) {
            return Numbers(all.begin() + n * p.hidden, all.begin() + (n + 1) * p.hidden);
          };
          alone.input["state " + number] = cut(p.input["state " + number]);
          expected["final " + number] = cut(together.at("final " + number));
        }
        Compare(alone, how, Run(alone, how), expected);
      }
    }
}

void CheckPartialRequests(const char* isa) {
  uint64_t seed = 4000;
  for (const Cell& cell : Cells()) {
    Problem p = {&cell, Ragged(), 5, 18};
    if (++seed % 2 == 0 && cell.projectable) p.projection = 7;
    p.is_coarse = true;
    Draw(p, seed);
    for (int32_t dtype : {0, 1, 2}) {
      How how = {isa, dtype};
      const Named all = Run(p, how);
      for (const auto& [name, numbers] : p.input) {
        how.only = "d " + name;
        CompareBits(p, how, Run(p, how), {{how.only, all.at(how.only)}});
      }
      how.only.clear();
      how.everything = false;
      const Named fewer = Run(p, how);
      CompareBits(p, how, all, fewer);
      how.backward = false;
      CompareBits(p, how, Run(p, how), {{"output", all.at("output")}});
      // Scratch memory that is not filled with NaN before use.
      peephole_poison(0);
      CompareBits(p, how, Run(p, how), {{"output", all.at("output")}});
      peephole_poison(1);
    }
  }
}

namespace {

template <class T> void CheckFunction(const char* isa, const char* name, int32_t dtype, double (*exact)(double)) {
  for (int64_t n = 0; n <= 40; ++n) {
    const size_t bytes = static_cast<size_t>(n) * sizeof(T);
    T *x = static_cast<T*>(TakeGuarded(bytes, 0)), *y = static_cast<T*>(TakeGuarded(bytes, 0xff));
    for (int64_t k = 0; k < n; ++k) x[k] = static_cast<T>(0.37 * static_cast<double>(k) - 0.9);
    Freeze(x, bytes);
    Check(peephole_function(isa, name, dtype, n, x, y) == 0, "%s has no %s", isa, name);
    for (int64_t k = 0; k < n; ++k) {
      const double wanted = exact(x[k]), error = std::fabs(y[k] - wanted);
      Check(error <= 1e-14 * std::fabs(wanted) || (dtype == 0 && error <= 1e-6 * std::fabs(wanted)),
            "%s: %s(%g) is %g", isa, name, static_cast<double>(x[k]), static_cast<double>(y[k]));
    }
    Check(IsIntact(y, bytes), "%s: %s wrote beside its output", isa, name);
    FreeGuarded(x, bytes);
    FreeGuarded(y, bytes);
  }
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

void CheckFunctions(const char* isa) {
  const struct {
    const char* name;
    double (*exact)(double);
  } functions[] = {{"sigmoid", Sigmoid}, {"tanh", std::tanh}, {"exp", std::exp}, {"log1p", std::log1p}};
  for (const auto& function : functions) {
    CheckFunction<float>(isa, function.name, 0, function.exact);
    CheckFunction<double>(isa, function.name, 1, function.exact);
  }
}
