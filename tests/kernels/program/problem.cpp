#include "problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "report.h"

uint64_t Random::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t Problem::rows() const {
  int64_t sum = 0;
  for (int64_t length : lengths) sum += length;
  return sum;
}

std::vector<int64_t> Problem::BatchSizes() const {
  std::vector<int64_t> sizes;
  for (int64_t t = 0; t < steps(); ++t)
    sizes.push_back(std::count_if(lengths.begin(), lengths.end(), [t](int64_t length) { return length > t; }));
  return sizes;
}

std::string Problem::Describe() const {
  std::string text = std::string(cell->name) + ", D " + std::to_string(inputs) + ", H " + std::to_string(hidden);
  if (projection != 0) text += ", P " + std::to_string(projection);
  text += ", lengths";
  for (size_t k = 0; k < lengths.size() && k < 12; ++k) text += " " + std::to_string(lengths[k]);
  if (lengths.size() > 12) text += " ... (" + std::to_string(lengths.size()) + ")";
  if (reverse) text += ", reverse";
  if (!has_bias) text += ", no bias";
  if (has_mask) text += ", mask";
  if (gap != 0) text += ", gap " + std::to_string(gap);
  if (held != 0) text += ", held " + std::to_string(held);
  return text;
}

std::string How::Describe() const {
  const char* const dtypes[] = {"float32", "float64", "bfloat16"};
  return std::string(isa) + ", " + dtypes[dtype] + ", " + std::to_string(threads) + " threads, split " + std::to_string(split);
}

void Draw(Problem& p, uint64_t seed) {
  Random random(seed);
  const auto draw = [&](Named& to, const std::string& name, int64_t count, double limit) {
    Numbers& numbers = to[name];
    for (int64_t k = 0; k < count; ++k) {
      double number = static_cast<float>(random.Between(-limit, limit));
      if (p.is_coarse) {  // eight bits of mantissa
        int exponent;
        number = std::frexp(number, &exponent);
        number = std::ldexp(std::nearbyint(number * 256) / 256, exponent);
      }
      numbers.push_back(number);
    }
  };
  const Cell& cell = *p.cell;
  const int64_t R = p.rows(), N = p.batch(), D = p.inputs, H = p.hidden, P = p.width(), G = cell.gates;
  // Small enough that no cell is chaotic: rounding would grow with every step.
  const auto scale = [](int64_t width) { return 1 / std::sqrt(static_cast<double>(width)); };
  draw(p.input, "x", R * D, 1);
  draw(p.input, "weight_ih", G * H * D, scale(D));
  draw(p.input, "weight_hh", G * H * P, scale(P));
  if (p.has_bias) {
    draw(p.input, "bias_ih", G * H, 1);
    draw(p.input, "bias_hh", G * H, 1);
  }
  if (p.projection != 0) draw(p.input, "weight_hr", P * H, scale(H));
  if (p.has_mask) {
    draw(p.input, "mask", N * P, 1);
    for (double& number : p.input["mask"]) number = number > -0.4 ? 1.25 : 0;
  }
  for (size_t k = 0; k < cell.parameters.size(); ++k) {
    const OwnParameter& own = cell.parameters[k];
    draw(p.input, "parameter " + std::to_string(k), own.parts * H * (own.is_matrix ? H : 1), own.is_matrix ? scale(H) : 1);
  }
  for (int k = 0; k < cell.states; ++k) {
    draw(p.input, "state " + std::to_string(k), N * p.StateWidth(k), 1);
    draw(p.asked, "final " + std::to_string(k), N * p.StateWidth(k), 1);
  }
  draw(p.asked, "output", R * P, 1);
  for (int k = 0; k < cell.values; ++k) {
    if (p.held >> k & 1) draw(p.input, "held " + std::to_string(k), R * H, 1);
    if (k != cell.home || p.projection != 0) draw(p.asked, "value " + std::to_string(k), R * H, 1);
  }
}

bool IsGradient(const std::string& name) { return name.compare(0, 2, "d ") == 0; }

double Loss(const Problem& problem, const Named& results) {
  double sum = 0;
  for (const auto& [name, weights] : problem.asked) {
    const Numbers& values = results.at(name.compare(0, 5, "value") == 0 ? "slot" + name.substr(5) : name);
    for (size_t k = 0; k < weights.size(); ++k) sum += weights[k] * values[k];
  }
  return sum;
}

void Compare(const Problem& problem, const How& how, const Named& actual, const Named& expected) {
  // In bfloat16 h is rounded at every step, and everything else of it at the end: a bound of eps alone, not of 16.
  const double eps = how.dtype == 0   ? std::numeric_limits<float>::epsilon()
                     : how.dtype == 1 ? std::numeric_limits<double>::epsilon()
                                      : 0x1p-7 / 16;
  const double terms = static_cast<double>((problem.inputs + problem.hidden) * std::max<int64_t>(problem.steps(), 1));
  for (const auto& [name, wanted] : expected) {
    if (how.dtype == 2 && !problem.cell->is_smooth && IsGradient(name)) continue;
    // As tests/support/tolerances.py and tests/kernels/test_compiled.py have it.
    double scale = 1;
    for (double number : wanted) scale = std::max(scale, std::fabs(number));
    const double bound = 16 * scale * eps * std::max(1.0, std::ceil(std::log2(terms)));
    const auto found = actual.find(name);
    if (found == actual.end() || found->second.size() != wanted.size()) {
      Check(false, "%s: %s is missing", problem.Describe().c_str(), name.c_str());
      continue;
    }
    double error = 0;
    for (size_t k = 0; k < wanted.size(); ++k) {
      const double difference = std::fabs(found->second[k] - wanted[k]);
      if (!(difference <= error)) error = difference;  // NaN too, and it stays
      if (std::isnan(error)) break;
    }
    Check(error <= bound, "%s, %s: %s is off by %g; bound %g", how.Describe().c_str(), problem.Describe().c_str(),
          name.c_str(), error, bound);
    NoteError(error / bound);
  }
}

void CompareBits(const Problem& problem, const How& how, const Named& actual, const Named& expected) {
  for (const auto& [name, wanted] : expected) {
    const auto found = actual.find(name);
    const bool same = found != actual.end() && found->second.size() == wanted.size() &&
                      (wanted.empty() || std::memcmp(found->second.data(), wanted.data(), wanted.size() * sizeof(double)) == 0);
    Check(same, "%s, %s: %s has other bits", how.Describe().c_str(), problem.Describe().c_str(), name.c_str());
  }
}
