"""The compiled backend's gradients for torch tensors.

The kernel computes first derivatives. A second one (backward while gradients are being recorded) is taken through the
reference, which is made of differentiable operations.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from peephole.equations.plan import plan
from peephole.ops.compiled import Asked, Inputs, backward, forward, needed_slots
from peephole.ops.reference import run_reference
from peephole.ops.request import Output, Request


def run_compiled_torch(request: Request) -> Output:
    """Run a checked request on tensors; differentiable where its tensors are."""
    tensors = _flatten(request)
    slots = _slots(request)
    if not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)):
        with torch.no_grad():
            rows, state, stored = forward(Inputs.of(request), slots.values(), want_state=request.want_state)
        return Output(rows, state, {name: rows if name == "h" else stored[k] for name, k in slots.items()})
    results: tuple[Tensor, ...] = _Run.apply(request, *tensors)
    return _unflatten(request, results)


def _slots(request: Request) -> dict[str, int]:
    found = plan(request.cell)
    return {name: found.values.index(found.alias[name]) for name in request.save}


def _flatten(request: Request) -> list[Tensor]:
    """All tensors of a request; `_rebuild` puts them back."""
    mask = [] if request.recurrent_mask is None else [request.recurrent_mask]
    return [request.rows, *request.weights.values(), *request.state.values(), *request.clamp.values(), *mask]


def _names(request: Request) -> list[str]:
    """What `_flatten` lists, by the names of `compiled.backward`."""
    mask = [] if request.recurrent_mask is None else ["mask"]
    states, clamps = (f"state.{name}" for name in request.state), (f"clamp.{name}" for name in request.clamp)
    return ["rows", *request.weights, *states, *clamps, *mask]


def _rebuild(request: Request, tensors: list[Tensor]) -> Request:
    remaining = iter(tensors)
    return dataclasses.replace(
        request,
        rows=next(remaining),
        weights={name: next(remaining) for name in request.weights},
        state={name: next(remaining) for name in request.state},
        clamp={name: next(remaining) for name in request.clamp},
        recurrent_mask=None if request.recurrent_mask is None else next(remaining),
    )


def _unflatten(request: Request, results: tuple[Tensor, ...]) -> Output:
    """Rows, final states if wanted, and saved values (h is the rows)."""
    rows, rest = results[0], list(results[1:])
    state = {name: rest.pop(0) for name in request.state} if request.want_state else {}
    return Output(rows, state, {name: rows if name == "h" else rest.pop(0) for name in request.save})


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, request: Request, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs = Inputs.of(request)
        asked, needed = _slots(request), needed_slots(inputs)
        rows, state, stored = forward(
            inputs, dict.fromkeys((*needed, *asked.values())), want_state=request.want_state
        )
        # Values share memory with what backward reads. An alias of h other than "h" is given as a copy of its own: autograd
        # takes no tensor twice.
        saved = [stored[k] for name, k in asked.items() if name != "h"]
        seen: set[int] = {id(rows)}
        for k, value in enumerate(saved):
            saved[k] = value.clone() if id(value) in seen else value
            seen.add(id(saved[k]))
        ctx.request, ctx.needed = _rebuild(request, [torch.empty(0)] * len(tensors)), needed
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, rows, *(stored[k] for k in needed))
        return (rows, *state.values(), *saved)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        names = _names(ctx.request)
        tensors = list(ctx.saved_tensors[: len(names)])
        rows, *stored = ctx.saved_tensors[len(names) :]
        request: Request = _rebuild(ctx.request, tensors)
        wanted = [name for name, needs in zip(names, ctx.needs_input_grad[1:], strict=True) if needs]
        if torch.is_grad_enabled() or "mask" in wanted:
            return (None, *_through_reference(request, names, wanted, grads))
        inputs, asked = Inputs.of(request), _asked(request, grads)
        alias = plan(request.cell).alias
        kernel = {name: f"value.{alias[name[6:]]}" if name.startswith("clamp.") else name for name in wanted}
        found = backward(inputs, rows, dict(zip(ctx.needed, stored, strict=True)), asked, kernel.values())
        return (
            None,
            *(
                _summed(found[kernel[name]], tensor) if name in kernel else None
                for name, tensor in zip(names, tensors, strict=True)
            ),
        )


def _summed(gradient: Tensor, like: Tensor) -> Tensor:
    return gradient if gradient.shape == like.shape else gradient.sum_to_size(like.shape)


def _asked(request: Request, grads: tuple[Tensor | None, ...]) -> Asked:
    rows, rest = grads[0], list(grads[1:])
    state = [(name, rest.pop(0)) for name in request.state] if request.want_state else []
    alias = plan(request.cell).alias
    values: dict[str, Tensor] = {}
    for name in request.save:
        gradient = None if name == "h" else rest.pop(0)
        key = alias[name]
        if gradient is not None and key == "h" and "weight_hr" not in request.weights:
            rows = gradient if rows is None else rows + gradient
        elif gradient is not None:
            values[key] = (values[key] + gradient if key in values else gradient).contiguous()
    return Asked(
        None if rows is None else rows.contiguous(),
        {name: gradient.contiguous() for name, gradient in state if gradient is not None},
        values,
    )


def _through_reference(
    request: Request, names: list[str], wanted: list[str], grads: tuple[Tensor | None, ...]
) -> list[Tensor | None]:
    """Gradients that can be differentiated again."""
    with torch.enable_grad():
        out = run_reference(request)
        results = [out.rows, *out.state.values(), *(out.saved[name] for name in request.save if name != "h")]
        pairs = [
            (result, gradient)
            for result, gradient in zip(results, grads, strict=True)
            if gradient is not None
        ]
        inputs = [t for name, t in zip(names, _flatten(request), strict=True) if name in wanted]
        found = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                inputs,
                [gradient for _, gradient in pairs],
                create_graph=torch.is_grad_enabled(),
                allow_unused=True,
                materialize_grads=True,
            )
        )
    return [next(found) if name in wanted else None for name in names]
