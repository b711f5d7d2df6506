// One call: scratch for every thread, the team, and what is left to do when it is done.
#pragma once

#include "backward.h"
#include "forward.h"
#include "reduction.h"

namespace {

template <class S> void RunForward(const PeepholeRun& run) {
  typedef Real<S> T;
  typedef typename Forward<S>::Scratch Scratch;
  Forward<S> forward(run);
  struct Context {
    Forward<S>* forward;
    Scratch* scratch;
    Barrier barrier;
  } context;
  const int64_t threads = forward.deal.threads;
  context.forward = &forward;
  context.scratch = forward.arena.template Get<Scratch>(threads);
  for (int64_t k = 0; k < threads; ++k)
    new (context.scratch + k) Scratch(forward.MakeScratch(k, k == 0 ? nullptr : context.scratch));
  peephole_team(threads, [](void* p, int64_t id, int64_t size) {
    Context& c = *static_cast<Context*>(p);
    const Forward<S>& f = *c.forward;
    const Multiplying<Factor<S>> guard;
    const int64_t jobs = f.layout.PackJobs();
    for (int64_t job = id; job < jobs; job += size) f.layout.Pack(job);
    c.barrier.Wait(size);
    if (f.deal.columns) {
      c.scratch[id].place = {id, size, &c.barrier};
      return f.RunThread(c.scratch[id]);
    }
    for (int64_t part = id; part < f.deal.threads; part += size) f.RunThread(c.scratch[part]);
  }, &context);
  // Sequences of length zero: their states are what they were.
  if (run.final_state == nullptr) return;
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  for (int k = 0; k < forward.cell.states; ++k) {
    if (run.final_state[k] == nullptr || run.batch == alive) continue;
    const int64_t size = forward.sizes.StateWidth(k) * static_cast<int64_t>(k == 0 ? sizeof(S) : sizeof(T));
    std::memcpy(static_cast<char*>(run.final_state[k]) + alive * size, static_cast<const char*>(run.state[k]) + alive * size,
                static_cast<size_t>((run.batch - alive) * size));
  }
}

template <class S> void RunBackward(const PeepholeRun& run, const PeepholeGradients& want) {
  typedef Real<S> T;
  typedef typename Backward<S>::Scratch Scratch;
  Backward<S> backward(run, want);
  struct Context {
    Backward<S>* backward;
    Scratch* scratch;
    typename Backward<S>::Sums** sums;
    Barrier barrier;
  } context;
  const int64_t threads = backward.deal.threads;
  context.backward = &backward;
  context.scratch = backward.arena.template Get<Scratch>(threads);
  context.sums = backward.arena.template Get<typename Backward<S>::Sums*>(threads);
  for (int64_t k = 0; k < threads; ++k) {
    new (context.scratch + k) Scratch(backward.MakeScratch(k, k == 0 ? nullptr : context.scratch));
    context.sums[k] = &context.scratch[k].sums;
  }
  peephole_team(threads, [](void* p, int64_t id, int64_t size) {
    Context& c = *static_cast<Context*>(p);
    const Backward<S>& b = *c.backward;
    const Multiplying<Factor<S>> guard;
    for (int64_t job = id; job < b.PackJobs(); job += size) b.Pack(job);
    c.barrier.Wait(size);
    if (b.deal.columns) {
      c.scratch[id].place = {id, size, &c.barrier};
      b.RunThread(c.scratch[id]);
    } else {
      for (int64_t part = id; part < b.deal.threads; part += size) b.RunThread(c.scratch[part]);
    }
    c.barrier.Wait(size);
    const int64_t parts = b.deal.columns ? 1 : b.deal.threads;
    const Reduction<S> reduction(b.gradients);
    for (int64_t job = id; job < reduction.Jobs(); job += size) reduction.Run(c.sums, parts, job);
  }, &context);
  Reduction<S>(backward.gradients).ClearUnused();
  // Sequences of length zero: what is asked of their final states is asked of the initial ones.
  const int64_t alive = run.steps == 0 ? 0 : run.batch_sizes[0];
  for (int k = 0; want.d_state != nullptr && k < backward.cell.states; ++k) {
    if (want.d_state[k] == nullptr || run.batch == alive) continue;
    const int64_t size = backward.sizes.StateWidth(k) * static_cast<int64_t>(k == 0 ? sizeof(S) : sizeof(T));
    char* const out = static_cast<char*>(want.d_state[k]) + alive * size;
    const size_t bytes = static_cast<size_t>((run.batch - alive) * size);
    if (want.d_final != nullptr && want.d_final[k] != nullptr)
      std::memcpy(out, static_cast<const char*>(want.d_final[k]) + alive * size, bytes);
    else
      std::memset(out, 0, bytes);
  }
}

}  // namespace
