"""What a notebook shows: it cannot act, needs no style sheet, stays small, and says what the numbers say."""

from __future__ import annotations

import html.parser
import re

import numpy as np
import pytest

from peephole.equations import Cell, Step, sigmoid
from peephole.insight import trace
from peephole.insight.explanations import explain
from peephole.insight.page import page_data, still, still_html
from peephole.insight.page.limits import STILL
from peephole.insight.visible import visible
from support.small_models import small_classifier

HOSTILE = {
    "script": "</script><script>document.title='owned'</script> good",
    "handler": "<img src=x onerror=\"document.title='owned'\"> & &lt;b&gt; good",
    "attribute": '" onmouseover="document.title=\'owned\'" x="\' good',
    "style": "</style><style>*{display:none}</style> <iframe src=javascript:1>",
    "cell": "</td></table><table><tr><td> good",
    "direction": "\u202eevil\u202c good",
    "controls": "good\x00\x1b[31m bad\x7f\x9b",
    "half a pair": "good \ud800 film",
    "one long word": "m" * 3_000,
    "right to left": "فيلم جميل not good",
    "nothing": "",
    "white space": " \t\n",
}
ELEMENTS = {
    "div", "p", "b", "i", "bdi", "span", "table", "thead", "tbody", "tr", "th", "td", "img", "svg", "line", "polyline", "text",
    "code", "details", "summary", "pre", "br",
}  # fmt: skip
ATTRIBUTES = {
    "style", "title", "dir", "colspan", "rowspan", "scope", "src", "alt", "width", "height", "role", "aria-label", "fill",
    "stroke", "stroke-width", "stroke-opacity",
    "stroke-dasharray", "points", "x", "y", "x1", "x2", "y1", "y2", "text-anchor", "font-size",
    "fill-opacity", "align",
}  # fmt: skip


class Shown(html.parser.HTMLParser):
    """The elements, attributes and text of an output; each element has to be closed in its turn."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.cells: list[tuple[int, int]] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag not in ("img", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def assert_still(source: str) -> Shown:
    """It can neither act nor load anything."""
    shown = Shown(source)
    assert shown.names <= ELEMENTS
    assert set(shown.attributes) <= ATTRIBUTES
    assert all(address.startswith("data:image/png;base64,") for address in shown.attributes.get("src", ()))
    assert not any("url(" in style or "expression" in style for style in shown.attributes["style"])
    return shown


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_a_text_can_act(name: str) -> None:
    model, text = small_classifier(), HOSTILE[name]
    for found in (trace(model, text), explain(model, text, faithfulness=False), trace(model, [text, "good"])):
        shown = assert_still(found._repr_html_())
        assert "\u202e" not in shown.text
        assert "owned" not in " ".join(shown.attributes.get("title", ()))


def test_labels_are_escaped_too() -> None:
    model = small_classifier(labels=["<script>1</script>", '"x" onload="1"', "good"])
    for found in (trace(model, "good film"), explain(model, "good film"), trace(model, ["good"])):
        assert_still(found._repr_html_())
        assert "onload" not in found._repr_html_().replace("&quot; onload=&quot;", "")


def test_without_any_style_the_text_reads_as_it_is_and_the_numbers_are_there() -> None:
    model = small_classifier()
    text = "Good acting, bad story."
    found = explain(model, text)
    shown = assert_still(found._repr_html_()).text
    assert text in shown
    assert found.target in shown
    for word, score in found.top(5):
        assert f"{word.strip()}{score:+.2f}" in shown  # neighbouring cells of the table


def test_the_numbers_of_a_gate_are_its_means() -> None:
    model = small_classifier()
    seen = trace(model, "good film")
    row = re.search(
        r'title="how much of its memory it keeps">keep f</th>(.*?)</tr>', seen._repr_html_()
    ).group(1)
    shown = [int(number) for number in re.findall(r">(\d+)</td>", row)]
    assert shown == (100 * seen["layer0.forward.f"].mean(axis=1)).round().astype(int).tolist()


@pytest.mark.parametrize("count", [1, 14, 15, 41, 200])
def test_each_row_of_a_table_of_gates_has_a_cell_for_each_column(count: int) -> None:
    source = trace(small_classifier(), " ".join(["good"] * count))._repr_html_()
    grids = re.findall(r"<table style=\"[^\"]*table-layout:fixed.*?</table>", source, flags=re.S)
    assert len(grids) == 2
    for grid in grids:
        rows = re.findall(r"<tr.*?</tr>", grid, flags=re.S)
        widths = {
            sum(int(n) for n in re.findall(r'colspan="(\d+)"', row))
            + len(re.findall(r"<t[hd](?![^>]*colspan)[ >]", row))
            for row in rows
        }
        assert len(widths) == 1, widths


def test_the_tree_of_phrases_has_no_hole_and_no_overlap() -> None:
    found = explain(small_classifier(), "Good acting, bad story. Not good at all!", phrases=True)
    source = found._repr_html_()
    (grid,) = re.findall(
        r"<table style=\"border-collapse:collapse;margin:.3em.*?</table>", source, flags=re.S
    )
    rows = re.findall(r"<tr.*?</tr>", grid, flags=re.S)[:-1]
    words = len(found.text.words)
    taken = np.zeros((len(rows), words), int)
    for place, row in enumerate(rows):
        for wide, tall in re.findall(r'<td [^>]*colspan="(\d+)" rowspan="(\d+)"', row):
            column = int(np.flatnonzero(taken[place] == 0)[0])  # where a browser puts it
            taken[place : place + int(tall), column : column + int(wide)] += 1
    assert (taken == 1).all(), taken


@pytest.mark.slow
def test_a_long_text_stays_small_and_says_what_is_left_out() -> None:
    model = small_classifier(hidden_size=192)
    text = "good film, bad story " * 500
    for found in (trace(model, text), explain(model, text, faithfulness=False)):
        source = found._repr_html_()
        assert len(source) < 150_000
        assert re.search(r"… [\d,]+ words …", source)
        assert "share one column" in source


def test_many_layers_labels_and_values_are_cut() -> None:
    model = small_classifier(labels=[f"label {n}" for n in range(500)], num_layers=4)
    source = trace(model, "good film")._repr_html_()
    assert "… 494 more" in source
    assert "… 4 more layers and directions" in source
    batch = trace(model, ["good"] * 30)._repr_html_()
    assert "… 20 more texts" in batch
    assert "… 8 more values" in batch
    assert len(source) + len(batch) < 120_000


class Plain(Cell):
    """Its h is no conveyor: gates alone are shown."""

    gates, states = ("a",), ("h",)

    def step(self, pre, prev):
        return Step(h=sigmoid(pre.a))


def test_a_layer_of_ones_own_cell_is_shown_by_its_steps() -> None:
    torch = pytest.importorskip("torch")
    from peephole.nn import Recurrent

    seen = trace(Recurrent(Plain(), 3, 4, backend="reference"), torch.zeros(5, 3))
    shown = assert_still(seen._repr_html_()).text
    assert "Inside a recurrent layer" in shown
    assert "5 steps" in shown


def test_trace_and_explanation_can_be_shown_together() -> None:
    model = small_classifier()
    seen, found = trace(model, "good film"), explain(model, "good film")
    together = still(seen, found)
    assert together == still_html(page_data(seen, found, limits=STILL))
    assert "keep f" in together
    assert "pushes towards" in together


def test_what_is_shown_of_words_is_visible() -> None:
    text = "good\u200bfilm \u2066x"
    assert visible("good\u200bfilm") in Shown(trace(small_classifier(), text)._repr_html_()).text
