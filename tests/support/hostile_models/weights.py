"""Ways to damage model.safetensors, and what is said of each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from support.attacks import Attack, file_of, with_header, with_tensors


def poke(name: str, value: float) -> Attack:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name].flat[0] = value

    return with_tensors(change)


def cut_file(model: Path) -> None:
    path = model / "model.safetensors"
    os.truncate(path, path.stat().st_size - 100)


def swap_offsets(header: dict[str, Any]) -> None:
    header["output.bias"]["data_offsets"] = header["hidden.bias"]["data_offsets"]


WEIGHTS = "model.safetensors"
WEIGHT_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "empty": (
        file_of(WEIGHTS, b""),
        [f"{WEIGHTS}: must begin with 8 bytes, the header's length; got a file of 0 bytes"],
    ),
    "eight bytes": (file_of(WEIGHTS, b"\0" * 8), [f"{WEIGHTS}, header: must be JSON"]),
    "a header of 10⁹ bytes": (
        file_of(WEIGHTS, (10**9).to_bytes(8, "little") + b"{}"),
        [f"{WEIGHTS}: must have a header of at most 1,048,576 bytes", "claims 1,000,000,000 bytes"],
    ),
    "a header of 2⁶⁴ bytes": (
        file_of(WEIGHTS, b"\xff" * 8 + b"{}"),
        ["claims 18,446,744,073,709,551,615 bytes"],
    ),
    "a header of a real megabyte": (
        file_of(WEIGHTS, (2_000_000).to_bytes(8, "little") + b" " * 3_000_000),
        ["claims 2,000,000 bytes"],
    ),
    "a pickle": (file_of(WEIGHTS, b"\x80\x04\x95" + b"\0" * 100), ["must have a header of at most"]),
    "header no JSON": (
        file_of(WEIGHTS, (4).to_bytes(8, "little") + b"{\0\0}"),
        [f"{WEIGHTS}, header: must be JSON"],
    ),
    "header a list": (
        file_of(WEIGHTS, (4).to_bytes(8, "little") + b"[ ] "),
        [f"{WEIGHTS}, header: must be a JSON object; got []"],
    ),
    "header nested deeply": (
        file_of(WEIGHTS, (100_000).to_bytes(8, "little") + b"[" * 100_000),
        [f"{WEIGHTS}, header: must not be nested deeper"],
    ),
    "header of 10⁵ rows": (
        with_header(lambda header: header.update({f"t{n}": {} for n in range(50_000)})),
        ["has a tensor that config.json does not name, 't0'", "… and 49,990 more"],
    ),
    "a tensor twice": (
        file_of(WEIGHTS, (20).to_bytes(8, "little") + b'{"a":{},"a":{}}     '),
        [f"{WEIGHTS}, header: must not hold a field twice; got 'a' twice"],
    ),
    "cut off": (cut_file, [f"{WEIGHTS}: must hold ", "bytes of numbers; got ", "hint: the file is cut off"]),
    "bytes at the end": (
        with_header(lambda header: None, more=b"\0" * 4096),
        [f"{WEIGHTS}: must hold ", " bytes of numbers; got "],
    ),
    "missing and unexpected tensors": (
        with_tensors(lambda tensors: tensors.update({"outptu.bias": tensors.pop("output.bias")})),
        [
            f"{WEIGHTS}: 2 problems",
            f"{WEIGHTS}: has no tensor 'output.bias'",
            f"{WEIGHTS}: has a tensor that config.json does not name, 'outptu.bias'",
        ],
    ),
    "shapes turned": (
        with_tensors(
            lambda tensors: tensors.update(
                {"hidden.weight": np.ascontiguousarray(tensors["hidden.weight"].T)}
            )
        ),
        [f"{WEIGHTS}, hidden.weight: must be [4, 20] by config.json; got [20, 4]"],
    ),
    "a scalar": (
        with_tensors(lambda tensors: tensors.update({"output.bias": np.zeros((), np.float32)})),
        [f"{WEIGHTS}, output.bias: must be [3] by config.json; got []"],
    ),
    "double precision": (
        with_tensors(lambda tensors: tensors.update({"output.bias": np.zeros(3)})),
        [
            f"{WEIGHTS}, output.bias: must be of dtype 'F32', since config.json says storage 'float32'; got 'F64'"
        ],
    ),
    "dtype a list": (
        with_header(lambda header: header["output.bias"].update(dtype=["F32"])),
        [
            f"{WEIGHTS}, output.bias: must be of dtype 'F32', since config.json says storage 'float32'; got ['F32']"
        ],
    ),
    "sizes beyond 64 bits": (
        with_header(lambda header: header["output.bias"].update(shape=[2**63, 2**63])),
        [f"{WEIGHTS}, output.bias: must have whole numbers as shape and data_offsets"],
    ),
    "negative sizes": (
        with_header(lambda header: header["output.bias"].update(shape=[-3])),
        [f"{WEIGHTS}, output.bias: must have whole numbers as shape and data_offsets"],
    ),
    "two tensors in one place": (
        with_header(swap_offsets),
        [": must lie right after the tensor before it, at byte "],
    ),
    "offsets beyond the file": (
        with_header(lambda header: header["output.bias"].update(data_offsets=[10**12, 10**12 + 12])),
        [f"{WEIGHTS}, output.bias: must lie right after", "got 1,000,000,000,000 to 1,000,000,000,012"],
    ),
    "fields missing": (
        with_header(lambda header: header.update({"output.bias": {"dtype": "F32"}})),
        [f"{WEIGHTS}, output.bias: must have dtype, shape and data_offsets"],
    ),
    "NaN": (
        poke("recurrent.weight_hh_l0", np.nan),
        [f"{WEIGHTS}, recurrent.weight_hh_l0: must be finite; got 1 of 100 numbers NaN or infinite"],
    ),
    "infinity": (
        poke("embedding.weight", -np.inf),
        [f"{WEIGHTS}, embedding.weight: must be finite; got 1 of "],
    ),
}
