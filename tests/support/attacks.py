"""Ways to damage a model folder, and the memory that it takes to refuse damaged ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy

Attack = Callable[[Path], object]


def config_with(**changes: Any) -> Attack:
    """Change fields of config.json; a value of None removes the field, a dict of a stage's index changes that stage."""

    def attack(model: Path) -> None:
        config = json.loads((model / "config.json").read_bytes())
        for name, value in changes.items():
            if name == "stages" and isinstance(value, dict):
                for index, fields in value.items():
                    config["stages"][index] |= fields
            elif value is None:
                del config[name]
            else:
                config[name] = value
        (model / "config.json").write_text(json.dumps(config))

    return attack


def file_of(name: str, data: bytes) -> Attack:
    return lambda model: (model / name).write_bytes(data)


def text_replaced(name: str, old: str, new: str) -> Attack:
    def attack(model: Path) -> None:
        text = (model / name).read_text()
        assert old in text
        (model / name).write_text(text.replace(old, new, 1))

    return attack


def header_of(model: Path) -> tuple[dict[str, Any], bytes]:
    data = (model / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(change: Callable[[dict[str, Any]], object], *, cut: int = 0, more: bytes = b"") -> Attack:
    """Rewrite the header of model.safetensors; `cut` bytes of the numbers go, `more` come at the end."""

    def attack(model: Path) -> None:
        header, numbers = header_of(model)
        change(header)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        numbers = numbers[: len(numbers) - cut] + more
        (model / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + numbers)

    return attack


def with_tensors(change: Callable[[dict[str, Any]], object]) -> Attack:
    def attack(model: Path) -> None:
        tensors = safetensors.numpy.load_file(model / "model.safetensors")
        change(tensors)
        safetensors.numpy.save_file(tensors, model / "model.safetensors")

    return attack


def tokenizer_with(change: Callable[[dict[str, Any]], object]) -> Attack:
    def attack(model: Path) -> None:
        content = json.loads((model / "tokenizer.json").read_bytes())
        change(content)
        (model / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False))

    return attack


MEASURE = """
import sys
from pathlib import Path
from peephole.classifier import load
from peephole.errors import ModelError

def peak():
    # not getrusage: its maximum is inherited from the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

load(sys.argv[1])
before = peak()
for folder in sorted(Path(sys.argv[2]).iterdir()):
    try:
        load(folder / "model")
    except ModelError:
        continue
    sys.exit(f"{folder} was loaded")
print(peak() - before)
"""


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux's /proc to see the peak of memory"
)


def memory_of_refusing(sound: Path, folder: Path) -> float:
    """Megabytes above what loading a sound model takes, at most, while each `model` in the folders of `folder` is refused."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(sound), str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
