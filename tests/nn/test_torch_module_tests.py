"""PyTorch's own inputs for its recurrent modules (they ship with it), run on ours: what its `TestModule` does on a CPU.

Its packed samples, which its own entries leave out, are in.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import peephole.nn as ours
from support.tolerances import BY_DTYPE, EXACT, FLOAT64

common = pytest.importorskip(
    "torch.testing._internal.common_modules", reason="needs expecttest, which torch's own tests use"
)

RNN_GRU, RNN_GRU_CELL = common.module_inputs_torch_nn_RNN_GRU, common.module_inputs_torch_nn_RNN_GRU_Cell
INPUTS: dict[str, Callable[..., list[Any]]] = {
    "RNN": partial(RNN_GRU, is_rnn=True, with_packed_sequence=True),
    "GRU": partial(RNN_GRU, is_rnn=False, with_packed_sequence=True),
    "LSTM": common.module_inputs_torch_nn_LSTM,
    "PeepholeLSTM": common.module_inputs_torch_nn_LSTM,
    "RNNCell": partial(RNN_GRU_CELL, is_rnn=True),
    "GRUCell": RNN_GRU_CELL,
    "LSTMCell": common.module_inputs_torch_nn_LSTMCell,
    "PeepholeLSTMCell": common.module_inputs_torch_nn_LSTMCell,
}
ERRORS: dict[str, Callable[..., list[Any]]] = {
    "RNN": common.module_error_inputs_torch_nn_RNN_GRU,
    "GRU": common.module_error_inputs_torch_nn_RNN_GRU,
    "LSTM": common.module_error_inputs_torch_nn_RNN_GRU,
    "PeepholeLSTM": common.module_error_inputs_torch_nn_RNN_GRU,
    "RNNCell": common.module_error_inputs_torch_nn_RNN_GRU_Cell,
    "GRUCell": common.module_error_inputs_torch_nn_RNN_GRU_Cell,
    "LSTMCell": common.module_error_inputs_torch_nn_LSTMCell,
    "PeepholeLSTMCell": common.module_error_inputs_torch_nn_LSTMCell,
}


def samples(kind: str, dtype: torch.dtype = torch.float64, requires_grad: bool = False) -> list[Any]:
    torch.manual_seed(0)
    return INPUTS[kind](None, device="cpu", dtype=dtype, requires_grad=requires_grad, training=False)


def made(kind: str, sample: Any, dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(1)
    return getattr(ours, kind)(*sample.constructor_input.args, **sample.constructor_input.kwargs, dtype=dtype)


def called(module: Any, sample: Any) -> Any:
    return module(*sample.forward_input.args, **sample.forward_input.kwargs)


def leaves(tree: Any) -> list[torch.Tensor]:
    if isinstance(tree, PackedSequence):
        return [tree.data]
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", INPUTS)
def test_forward_agrees_with_the_samples_reference_and_with_torch(kind: str, dtype: torch.dtype) -> None:
    for sample in samples(kind, dtype):
        module = made(kind, sample, dtype)
        actual = leaves(called(module, sample))
        packed = isinstance(sample.forward_input.args[0], PackedSequence)
        if (
            sample.reference_fn is not None and not packed
        ):  # its reference for packed input knows plain tensors only
            expected = leaves(
                sample.reference_fn(module, *sample.forward_input.args, **sample.forward_input.kwargs)
            )
            for a, b in zip(actual, expected, strict=True):
                torch.testing.assert_close(a, b, **BY_DTYPE[dtype])
        if kind.startswith("Peephole"):
            continue
        theirs = getattr(nn, kind)(
            *sample.constructor_input.args, **sample.constructor_input.kwargs, dtype=dtype
        )
        theirs.load_state_dict(module.state_dict())
        for a, b in zip(actual, leaves(called(theirs, sample)), strict=True):
            torch.testing.assert_close(a, b, **BY_DTYPE[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("kind", INPUTS)
def test_gradients_and_second_gradients(kind: str) -> None:
    for sample in samples(kind, requires_grad=True):
        module = made(kind, sample)
        if isinstance(sample.forward_input.args[0], PackedSequence):
            continue  # not a tensor: test_matches_torch has its gradients
        flat, spec = torch.utils._pytree.tree_flatten(sample.forward_input.args)

        def function(
            *tensors: torch.Tensor, module: Any = module, spec: Any = spec, count: int = len(flat)
        ) -> Any:
            weights = dict(zip([name for name, _ in module.named_parameters()], tensors[count:], strict=True))
            arguments = torch.utils._pytree.tree_unflatten(tensors[:count], spec)
            return tuple(leaves(torch.func.functional_call(module, weights, tuple(arguments))))

        arguments = [*flat, *(p.detach().clone().requires_grad_() for p in module.parameters())]
        assert torch.autograd.gradcheck(function, arguments, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, arguments, fast_mode=True)


@pytest.mark.parametrize("kind", INPUTS)
def test_non_contiguous_tensors(kind: str) -> None:
    def spread(tree: Any) -> Any:
        if isinstance(tree, PackedSequence):
            return tree
        if isinstance(tree, tuple):
            return tuple(spread(part) for part in tree)
        wide = torch.stack([tree, tree + 1], -1)[..., 0]
        assert not wide.is_contiguous()
        return wide

    for sample in samples(kind):
        module = made(kind, sample)
        expected = leaves(called(module, sample))
        actual = leaves(module(*(spread(argument) for argument in sample.forward_input.args)))
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, b, **FLOAT64)


@pytest.mark.parametrize("kind", INPUTS)
def test_repr_pickle_and_save_and_load(kind: str) -> None:
    for sample in samples(kind):
        module = made(kind, sample)
        expected = leaves(called(module, sample))
        repr(module)
        fresh = made(kind, sample)
        fresh.reset_parameters()
        fresh.load_state_dict(module.state_dict(), strict=True)
        for twin in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), fresh):
            for a, b in zip(leaves(called(twin, sample)), expected, strict=True):
                torch.testing.assert_close(a, b, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", ERRORS)
def test_errors(kind: str, dtype: torch.dtype) -> None:
    for error in ERRORS[kind](None, device="cpu", dtype=dtype, requires_grad=False, training=False):
        constructor, forward = (
            error.module_error_input.constructor_input,
            error.module_error_input.forward_input,
        )
        construct = partial(getattr(ours, kind), *constructor.args, **constructor.kwargs)
        # Torch's patterns stand for the text: one of them has an unescaped dot, none more.
        if error.error_on == common.ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                construct()
        else:
            module = construct()
            if "dtype" not in constructor.kwargs:
                module = module.to(dtype)
            arguments = [
                a.to(dtype) if isinstance(a, torch.Tensor) and "dtype" not in constructor.kwargs else a
                for a in forward.args
            ]
            with pytest.raises(error.error_type, match=error.error_regex):
                module(*arguments, **forward.kwargs)
