"""What the room shows: names load when they are used, and neither torch nor Keras before."""

from __future__ import annotations

import subprocess
import sys

import pytest

import peephole
from peephole import export


def test_every_name_loads() -> None:
    assert peephole.export is export
    for name in dir(export):
        assert callable(getattr(export, name))
    with pytest.raises(AttributeError, match="has no attribute 'from_caffe'"):
        export.from_caffe  # noqa: B018


def test_neither_torch_nor_keras_is_imported_before_it_is_needed() -> None:
    program = """if True:
        import sys
        import peephole.export
        assert "torch" not in sys.modules
        import numpy as np
        from peephole import cells
        arrays = [np.zeros((2, 12)), np.zeros((4, 12)), np.zeros(12)]
        layer = peephole.export.from_keras(arrays, cell=cells.GRU("before"))
        peephole.export.to_keras(layer)
        assert "keras" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
