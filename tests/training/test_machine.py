"""How float32 matrices are multiplied where bfloat16 was asked for, and that nothing of it stays behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from peephole.training.machine import Machine


@pytest.fixture
def matmul():
    """Torch's setting, which is as it was before the test afterwards."""
    if not hasattr(torch.backends.mkldnn, "matmul"):
        pytest.skip(f"torch {torch.__version__} has no such setting")
    setting = torch.backends.mkldnn.matmul
    yield setting
    setting.fp32_precision = "none"


def machine(precision: str, device: str = "cpu") -> Machine:
    """A machine of any precision: a process has one accelerator, of one precision."""
    made = Machine()
    made._precision, made.device = precision, SimpleNamespace(type=device)
    return made


@pytest.mark.parametrize("before", ["none", "ieee"])
def test_the_setting_is_bfloat16_inside_and_as_it_was_outside(matmul, before: str) -> None:
    matmul.fp32_precision = before
    was = matmul.fp32_precision
    inside: list[str] = []

    def fail() -> None:
        with machine("bf16").autocast_products():
            inside.append(matmul.fp32_precision)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside == ["bf16"]
    assert matmul.fp32_precision == was
    for other in (machine("no"), machine("bf16", "cuda")):
        with other.autocast_products():
            assert matmul.fp32_precision == was


def test_sums_and_results_stay_float32(matmul) -> None:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("torch multiplies no bfloat16 on this processor")
    torch.manual_seed(0)
    x, w = torch.rand(256, 512), torch.rand(512, 256)
    with machine("bf16").autocast_products():
        found = x @ w
    rounded = (x.bfloat16().double() @ w.bfloat16().double()).float()
    assert found.dtype == torch.float32
    near_rounded, near_exact = ((found - other).abs().max().item() for other in (rounded, x @ w))
    assert near_rounded < 1e-3 < near_exact
