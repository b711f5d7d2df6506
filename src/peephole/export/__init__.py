"""ONNX and the weights of other systems, out and in. Foreign gate orders live here and only here."""

from __future__ import annotations

from peephole.export.onnx_export import onnx as onnx
from peephole.export.onnx_folder import save_onnx as save_onnx
from peephole.export.onnx_import import from_onnx as from_onnx

__all__ = ["from_onnx", "onnx", "save_onnx"]
