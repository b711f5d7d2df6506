"""scripts/check-contents: what a source distribution and a wheel must and must not hold."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check-contents"
WANTED = {"__init__.py", "py.typed", "models/reviews/model.safetensors"}
METADATA = "Name: peephole\nVersion: 1.2\nSummary: a\nLicense-Expression: b\nRequires-Python: c\nDescription-Content-Type: d\n\n"


@pytest.fixture(scope="module")
def check() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def wheel(check: dict[str, Any]) -> set[str]:
    return {
        *(f"peephole/{name}" for name in (*WANTED, "kernels/peephole.so")),
        *(f"peephole-1.2.dist-info/{name}" for name in check["INFORMATION"]),
    }


def source(check: dict[str, Any]) -> set[str]:
    return {
        *(f"peephole-1.2/src/peephole/{name}" for name in WANTED),
        *(f"peephole-1.2/{name}" for name in check["BESIDE"]),
    }


def test_what_is_whole_has_no_mistakes(check: dict[str, Any]):
    assert check["wheel_mistakes"](wheel(check), WANTED) == []
    assert check["source_mistakes"](source(check), WANTED) == []
    assert check["metadata_mistakes"]({"source": METADATA, "wheel": METADATA}) == []


@pytest.mark.parametrize(
    ("added", "removed", "message"),
    [
        ("tests/test_it.py", None, "wheel: must not hold tests/test_it.py"),
        ("peephole/__pycache__/a.pyc", None, "wheel: must not hold __pycache__/a.pyc"),
        (None, "peephole/py.typed", "wheel: lacks py.typed"),
        (None, "peephole/models/reviews/model.safetensors", "wheel: lacks models/reviews/model.safetensors"),
        (None, "peephole-1.2.dist-info/licenses/LICENSE", "wheel: lacks licenses/LICENSE"),
        (None, "peephole/kernels/peephole.so", "wheel: must hold one library; it holds 0"),
        ("peephole/kernels/peephole.dll", None, "wheel: must hold one library; it holds 2"),
    ],
)
def test_a_mistake_in_a_wheel_is_named(
    check: dict[str, Any], added: str | None, removed: str | None, message: str
):
    names = (wheel(check) | ({added} if added else set())) - {removed}
    assert check["wheel_mistakes"](names, WANTED) == [message]


@pytest.mark.parametrize(
    ("added", "removed", "message"),
    [
        ("tests/test_it.py", None, "source: must not hold tests/test_it.py"),
        ("src/peephole/kernels/peephole.so", None, "source: must not hold kernels/peephole.so"),
        (None, "PKG-INFO", "source: lacks PKG-INFO"),
        (None, "CMakeLists.txt", "source: lacks CMakeLists.txt"),
        (None, "src/peephole/__init__.py", "source: lacks __init__.py"),
    ],
)
def test_a_mistake_in_a_source_distribution_is_named(
    check: dict[str, Any], added: str | None, removed: str | None, message: str
):
    names = source(check) | ({f"peephole-1.2/{added}"} if added else set())
    assert check["source_mistakes"](names - {f"peephole-1.2/{removed}"}, WANTED) == [message]


def test_versions_must_be_one_and_fields_filled(check: dict[str, Any]):
    other = METADATA.replace("1.2", "1.3").replace("Summary: a\n", "")
    found = check["metadata_mistakes"]({"source": METADATA, "wheel": other})
    assert found == [
        "both must have one version; they have {'source': '1.2', 'wheel': '1.3'}",
        "wheel: must say Summary",
    ]


def test_the_package_of_this_source_is_read(check: dict[str, Any]):
    found = check["expected"](check["ROOT"])
    assert {"__init__.py", "py.typed", "kernels/peephole.h", "models/reviews/tokenizer.json"} <= found
    assert not any(name.endswith((".so", ".pyc")) for name in found)
