"""The printed equations of the cells that ship."""

from __future__ import annotations

import inspect
import re

import pytest

from peephole import cells
from peephole.errors import OptionError

LSTM = """\
LSTM(): Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000, eqs. 2-8).

  LSTM-1  i = σ(W_i x + b_i + U_i h_prev + b'_i)      input gate: how much of the candidate enters
  LSTM-2  f = σ(W_f x + b_f + U_f h_prev + b'_f)      forget gate: how much of the past stays
  LSTM-3  g = tanh(W_g x + b_g + U_g h_prev + b'_g)   candidate
  LSTM-4  o = σ(W_o x + b_o + U_o h_prev + b'_o)      output gate: how much of the cell is shown
  LSTM-5  c = f · c_prev + i · g                      the conveyor: an addition, not a multiplication
  LSTM-6  h = o · tanh(c)                             what the rest of the network sees"""


def test_describe_prints_the_lstm() -> None:
    assert cells.describe("LSTM") == LSTM
    assert cells.describe("lstm") == LSTM
    assert cells.describe(cells.LSTM()) == LSTM


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (cells.GRU(), "n = tanh(W_n x + b_n + r · (U_n h_prev + b'_n))"),
        (cells.GRU("before"), "n = tanh(W_n x + b_n + U_n (r · h_prev) + b'_n)"),
        (cells.GRU(), "h = (1 − z) · n + z · h_prev"),
        (cells.PeepholeLSTM(), "o = σ(W_o x + b_o + U_o h_prev + b'_o + p_o · c)"),
        (cells.PeepholeLSTM(output_peephole="previous"), "+ p_o · c_prev)"),
        (cells.PeepholeLSTM("full"), "+ P_i c_prev)"),
        (cells.CoupledLSTM(), "f = 1 − i"),
    ],
)
def test_describe_prints_what_the_options_change(cell, line: str) -> None:
    assert line in cells.describe(cell)


@pytest.mark.parametrize("name", cells.SHIPPED)
def test_every_equation_line_has_its_tag(name: str) -> None:
    lines = cells.describe(name).split("\n")[2:]
    tags = [re.match(r"  ([A-Z]+-\d+)  ", line) for line in lines]
    assert all(tags), lines
    numbers = [int(tag[1].rpartition("-")[2]) for tag in tags if tag]
    assert numbers == list(range(1, len(lines) + 1))
    assert len(lines) == len(cells.make(name).values)


@pytest.mark.parametrize("name", cells.SHIPPED)
def test_every_cell_names_source_and_year(name: str) -> None:
    assert re.search(r"(19|20)\d\d", inspect.getdoc(cells.SHIPPED[name]) or "")


def test_describe_offers_the_nearest_name() -> None:
    with pytest.raises(OptionError, match=r"describe: no cell is called 'LSMT' \(did you mean 'lstm'\?\)"):
        cells.describe("LSMT")
