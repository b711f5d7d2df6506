"""Reading ONNX files that nobody vouches for: sizes are bounded, nothing is run, no file is opened but those beside the model."""

from __future__ import annotations

import importlib
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.errors import ModelError
from peephole.export.onnx_graph import onnx_package

MAX_BYTES = (1 << 31) - 1  # what the format itself allows a file
MAX_NODES = 100_000
_MAX_AXES = 8

# What ONNX calls a dtype → how its numbers lie in `raw_data`, and which field holds them otherwise.
_DTYPES: dict[str, tuple[Any, str]] = {
    "FLOAT": (np.float32, "float_data"),
    "DOUBLE": (np.float64, "double_data"),
    "FLOAT16": (np.float16, ""),
    "INT8": (np.int8, "int32_data"),
    "UINT8": (np.uint8, "int32_data"),
    "INT32": (np.int32, "int32_data"),
    "INT64": (np.int64, "int64_data"),
}

Array = npt.NDArray[Any]


class OnnxFile:
    """A graph and its constants, read from a path, from bytes or from a ``ModelProto``.

    Args:
        source: where it is from.
        where: what it is called in messages; None: by the path.

    Raises:
        ModelError: it is missing, too large, or no ONNX model.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | Any, where: str | None = None) -> None:
        onnx = onnx_package()
        self.folder: Path | None = None
        model: Any = onnx.ModelProto()
        if isinstance(source, onnx.ModelProto):
            self.where, model = where or "model", source
        else:
            if isinstance(source, bytes):
                self.where, data = where or "model", source
            else:
                path = Path(source)
                self.where, self.folder = where or str(path), path.parent
                data = _read(path, self.where, 0, None)
            try:
                model.ParseFromString(data)
            except importlib.import_module("google.protobuf.message").DecodeError as error:
                raise ModelError(
                    f"{self.where}: must be an ONNX model; got what cannot be read as one ({error})"
                ) from None
        if not model.HasField("graph") or not model.opset_import:
            raise ModelError(
                f"{self.where}: must be an ONNX model; got none with a graph and an operator set"
            )
        self.graph: Any = model.graph
        self.bytes_read = int(model.ByteSize())
        self.opset = max(
            (each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0
        )
        for kind, things in (("nodes", self.graph.node), ("constants", self.graph.initializer)):
            if len(things) > MAX_NODES:
                raise ModelError(f"{self.where}: must have at most {MAX_NODES:,} {kind}; got {len(things):,}")

    def array(self, tensor: Any) -> Array:
        """Return the numbers of a ``TensorProto``.

        Raises:
            ModelError: it disagrees with itself, has a dtype that weights have not, or lies in a file elsewhere.
        """
        onnx = onnx_package()
        place = f"{self.where}, constant {tensor.name[:60]!r}"
        known = {number: name for name, number in onnx.TensorProto.DataType.items()}
        name = known.get(tensor.data_type, str(tensor.data_type))
        if name not in _DTYPES:
            raise ModelError(f"{place}: must be of {', '.join(_DTYPES)}; got {name}")
        shape, (dtype, field) = tuple(tensor.dims), _DTYPES[name]
        size = np.dtype(dtype).itemsize
        if len(shape) > _MAX_AXES or any(n < 0 for n in shape) or math.prod(shape) * size > MAX_BYTES:
            raise ModelError(
                f"{place}: must have a shape of at most {MAX_BYTES:,} bytes; got {list(shape)[:9]}"
            )
        count = math.prod(shape)
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            data = self._outside(tensor, place, count * size)
        elif tensor.HasField("raw_data"):
            data = tensor.raw_data
        else:
            data = self._field(tensor, field, dtype, place)
        if len(data) != count * size:
            raise ModelError(f"{place}: must hold {count:,} numbers of {size} bytes; got {len(data):,} bytes")
        return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False).reshape(shape)

    def _field(self, tensor: Any, field: str, dtype: Any, place: str) -> bytes:
        if not field:  # halves stand as whole numbers that have their bits
            bits = np.array(tensor.int32_data, np.int64)
            if bits.size and not 0 <= int(bits.min()) <= int(bits.max()) < 1 << 16:
                raise ModelError(f"{place}: must hold float16 numbers as 16 bits; got others")
            return bits.astype("<u2").tobytes()
        return np.array(getattr(tensor, field)).astype(np.dtype(dtype).newbyteorder("<")).tobytes()

    def _outside(self, tensor: Any, place: str, size: int) -> bytes:
        """Return numbers that lie in another file: one of the model's own folder, by its bare name, and no link."""
        fields = {entry.key: entry.value for entry in tensor.external_data}
        name = fields.get("location", "")
        if self.folder is None:
            raise ModelError(
                f"{place}: must lie in the model itself; got the file {name[:60]!r}",
                hint="give the path of the model, beside which the file lies",
            )
        if not name or name in (".", "..") or any(c in name for c in "/\\:\0"):
            raise ModelError(f"{place}: must lie in a file of the model's own folder; got {name[:60]!r}")
        numbers: dict[str, int] = {}
        for key, usual in (("offset", 0), ("length", size)):
            text = fields.get(key, str(usual))
            if not (text.isascii() and text.isdigit() and len(text) <= 12):
                raise ModelError(f"{place}: {key} must be a whole number; got {text[:60]!r}")
            numbers[key] = int(text)
        if numbers["length"] != size:
            raise ModelError(f"{place}: must hold {size:,} bytes; got a length of {numbers['length']:,}")
        self.bytes_read += size
        return _read(self.folder / name, str(self.folder / name), numbers["offset"], size)


def _read(path: Path, where: str, offset: int, length: int | None) -> bytes:
    """Read a regular file, no link, of a bounded size; all of it, or a part that it must hold."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        raise ModelError(f"{where}: no such file") from None
    if not stat.S_ISREG(mode):
        what = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise ModelError(f"{where}: must be a file; got {what}")
    flags = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if length is None and size > MAX_BYTES:
            raise ModelError(f"{where}: must be at most {MAX_BYTES:,} bytes; got {size:,}")
        if length is not None and offset + length > size:
            raise ModelError(f"{where}: must hold {length:,} bytes at {offset:,}; got a file of {size:,}")
        file.seek(offset)
        return file.read(MAX_BYTES + 1 if length is None else length)
