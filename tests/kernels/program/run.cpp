// Calling the kernel on guarded arrays.
#include <cstring>

#include "guarded.h"
#include "peephole.h"
#include "problem.h"
#include "report.h"

namespace {

enum Kind { kFloat, kDouble, kBfloat16 };
constexpr size_t kSize[] = {4, 8, 2};

void Put(void* to, Kind kind, int64_t at, double number) {
  const float single = static_cast<float>(number);
  if (kind == kDouble) {
    static_cast<double*>(to)[at] = number;
  } else if (kind == kFloat) {
    static_cast<float*>(to)[at] = single;
  } else {  // numbers that bfloat16 holds: the lower half is zero
    uint32_t bits;
    std::memcpy(&bits, &single, 4);
    static_cast<uint16_t*>(to)[at] = static_cast<uint16_t>(bits >> 16);
  }
}

double Take(const void* from, Kind kind, int64_t at) {
  if (kind == kDouble) return static_cast<const double*>(from)[at];
  if (kind == kFloat) return static_cast<const float*>(from)[at];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(from)[at]) << 16;
  float single;
  std::memcpy(&single, &bits, 4);
  return single;
}

// The arrays of one call, by name.
class Arrays {
 public:
  explicit Arrays(const Problem& problem, const How& how) : problem_(problem), how_(how) {}
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;
  ~Arrays() {
    for (const auto& [name, array] : arrays_) FreeGuarded(array.data, array.bytes());
  }
  // An input; rows of `width` elements lie `width + gap` apart, with NaN between them.
  void* In(const std::string& name, Kind kind, const Numbers& numbers, int64_t width = 1, int64_t gap = 0) {
    const int64_t count = static_cast<int64_t>(numbers.size()), rows = count / width;
    const Array& array = Make(name, kind, rows == 0 ? 0 : rows * (width + gap) - gap, 0xff);
    for (int64_t k = 0; k < count; ++k) Put(array.data, kind, k + k / width * gap, numbers[k]);
    Freeze(array.data, array.bytes());
    return Address(array);
  }
  // One of the problem's inputs or of what its loss asks; null where it is absent.
  void* In(const std::string& name, Kind kind) {
    for (const Named* all : {&problem_.input, &problem_.asked}) {
      const auto found = all->find(name);
      if (found != all->end()) return In((all == &problem_.asked ? "asked " : "") + name, kind, found->second);
    }
    return nullptr;
  }
  // An output: NaN until it is written, or zero.
  void* Out(const std::string& name, Kind kind, int64_t count, bool is_zero = false) {
    results_.push_back(name);
    return Address(Make(name, kind, count, is_zero ? 0 : 0xff));
  }
  // The gradient of an input, if it is wanted.
  void* Gradient(const std::string& name, Kind kind, bool is_zero = false) {
    const auto found = problem_.input.find(name);
    return found == problem_.input.end() ? nullptr : Gradient(name, kind, static_cast<int64_t>(found->second.size()), is_zero);
  }
  void* Gradient(const std::string& name, Kind kind, int64_t count, bool is_zero) {
    const std::string full = "d " + name;
    return how_.only.empty() || how_.only == full ? Out(full, kind, count, is_zero) : nullptr;
  }
  // What has been computed may only be read from now on.
  void FreezeResults() const {
    for (const std::string& name : results_) Freeze(arrays_.at(name).data, arrays_.at(name).bytes());
  }
  // All outputs as float64, after a look at their borders.
  Named Results() const {
    for (const auto& [name, array] : arrays_)
      Check(IsIntact(array.data, array.bytes()), "%s, %s: something was written beside %s", how_.Describe().c_str(),
            problem_.Describe().c_str(), name.c_str());
    Named taken;
    for (const std::string& name : results_) {
      const Array& array = arrays_.at(name);
      Numbers& numbers = taken[name];
      for (int64_t k = 0; k < array.count; ++k) numbers.push_back(Take(array.data, array.kind, k));
    }
    return taken;
  }

 private:
  struct Array {
    void* data;
    Kind kind;
    int64_t count;
    size_t bytes() const { return static_cast<size_t>(count) * kSize[kind]; }
  };
  const Array& Make(const std::string& name, Kind kind, int64_t count, int fill) {
    Array& array = arrays_[name];
    array = {nullptr, kind, count};
    array.data = TakeGuarded(array.bytes(), fill);
    if (array.data == nullptr) std::abort();
    return array;
  }
  // Null where there are no elements, as torch has it.
  static void* Address(const Array& array) { return array.count == 0 ? nullptr : array.data; }

  const Problem& problem_;
  const How& how_;
  std::map<std::string, Array> arrays_;
  std::vector<std::string> results_;
};

std::string Number(const char* word, int k) { return word + std::to_string(k); }

}  // namespace

Named Run(const Problem& p, const How& how) {
  const Cell& cell = *p.cell;
  const int64_t R = p.rows(), N = p.batch(), H = p.hidden;
  // h, weights, biases and the mask are of the dtype itself; everything else is what it is computed with.
  const Kind stored = static_cast<Kind>(how.dtype), real = how.dtype == 1 ? kDouble : kFloat;
  const auto of_state = [&](int k) { return k == 0 ? stored : real; };
  const int parameters = static_cast<int>(cell.parameters.size());
  Arrays arrays(p, how);
  const std::vector<int64_t> sizes = p.BatchSizes();

  std::vector<const void*> parameter(parameters + 1), state(cell.states), held(cell.values);
  std::vector<void*> final_state(cell.states), slot(cell.slots);
  PeepholeRun run = {};
  run.cell = peephole_cell(how.isa, cell.key);
  if (!Check(run.cell != nullptr, "%s: the build has no cell %s", how.isa, cell.name)) return {};
  run.dtype = how.dtype;
  run.reverse = p.reverse;
  run.threads = how.threads;
  run.split = how.split;
  run.precision = how.precision;
  run.steps = p.steps();
  run.batch = N;
  run.rows = R;
  run.inputs = p.inputs;
  run.hidden = H;
  run.width = p.width();
  run.batch_sizes = sizes.data();
  run.x = arrays.In("x", stored, p.input.at("x"), p.inputs, p.gap);
  run.x_stride = p.inputs + p.gap;
  run.weight_ih = arrays.In("weight_ih", stored);
  run.weight_hh = arrays.In("weight_hh", stored);
  run.bias_ih = arrays.In("bias_ih", stored);
  run.bias_hh = arrays.In("bias_hh", stored);
  run.weight_hr = arrays.In("weight_hr", stored);
  run.mask = arrays.In("mask", stored);
  for (int k = 0; k < parameters; ++k) parameter[k] = arrays.In(Number("parameter ", k), stored);
  for (int k = 0; k < cell.values; ++k) held[k] = arrays.In(Number("held ", k), real);
  for (int k = 0; k < cell.states; ++k) {
    state[k] = arrays.In(Number("state ", k), of_state(k));
    if (how.everything) final_state[k] = arrays.Out(Number("final ", k), of_state(k), N * p.StateWidth(k));
  }
  std::vector<bool> needed(cell.slots);
  if (how.backward)
    for (int k : cell.saved) needed[k] = true;
  if (how.backward && p.projection != 0) needed[cell.home] = true;
  for (int k = 0; k < cell.slots; ++k)
    if (how.everything || needed[k]) slot[k] = arrays.Out(Number("slot ", k), real, R * H);
  run.parameter = parameter.data();
  run.state = state.data();
  run.output = arrays.Out("output", stored, R * p.width());
  run.final_state = how.everything ? final_state.data() : nullptr;
  run.slot = slot.data();
  run.held = held.data();
  Check(peephole_forward(how.isa, &run) == 0, "%s, %s: forward ran out of memory", how.isa, p.Describe().c_str());
  if (!how.backward) return arrays.Results();

  // What the backward pass does not need, it is not given; what it reads, it may not write.
  arrays.FreezeResults();
  for (int k = 0; k < cell.slots; ++k)
    if (!needed[k]) slot[k] = nullptr;
  run.final_state = nullptr;
  std::vector<const void*> d_final(cell.states), d_value(cell.values);
  std::vector<void*> d_parameter(parameters + 1), d_state(cell.states), d_value_out(cell.values);
  PeepholeGradients want = {};
  want.d_output = arrays.In("output", stored);
  for (int k = 0; k < cell.states; ++k) {
    d_final[k] = arrays.In(Number("final ", k), of_state(k));
    d_state[k] = arrays.Gradient(Number("state ", k), of_state(k));
  }
  for (int k = 0; k < cell.values; ++k) {
    d_value[k] = arrays.In(Number("value ", k), real);
    d_value_out[k] = arrays.Gradient(Number("held ", k), real, R * H, false);
  }
  want.d_x = arrays.Gradient("x", stored);
  want.d_weight_ih = arrays.Gradient("weight_ih", stored);
  want.d_weight_hh = arrays.Gradient("weight_hh", stored);
  want.d_bias_ih = arrays.Gradient("bias_ih", stored);
  want.d_bias_hh = arrays.Gradient("bias_hh", stored);
  want.d_weight_hr = arrays.Gradient("weight_hr", stored);
  // Parts of a parameter that no equation uses are left alone: callers clear them.
  for (int k = 0; k < parameters; ++k) d_parameter[k] = arrays.Gradient(Number("parameter ", k), stored, true);
  want.d_final = d_final.data();
  want.d_value = d_value.data();
  want.d_parameter = d_parameter.data();
  want.d_state = d_state.data();
  want.d_value_out = d_value_out.data();
  Check(peephole_backward(how.isa, &run, &want) == 0, "%s, %s: backward ran out of memory", how.isa, p.Describe().c_str());
  return arrays.Results();
}
