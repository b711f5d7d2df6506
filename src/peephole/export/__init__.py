"""ONNX and the weights of other systems, out and in. Foreign gate orders live here and only here."""

from __future__ import annotations

from peephole.export.onnx_export import onnx as onnx
from peephole.export.onnx_folder import save_onnx as save_onnx

__all__ = ["onnx", "save_onnx"]
