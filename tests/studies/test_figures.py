"""The figures of the theory and their pages: kept numbers, drawings, equations and tables that are up to date."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from peephole import cells
from peephole.equations import emit_latex
from peephole.errors import OptionError
from peephole.files import write_json
from peephole.studies.figures import CHAPTERS, Chapter, canvas, shipped
from peephole.studies.figures.chapter import Item
from peephole.studies.figures.page import filled
from peephole.studies.figures.spread import table, told
from peephole.studies.figures.store import Store

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "theory.json"
EXPLANATION = ROOT / "docs" / "explanation"
EVERY = pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.name)


def page_of(chapter: Chapter) -> str:
    return (EXPLANATION / "theory" / f"{chapter.name}.md").read_text(encoding="utf-8")


def figure_of(chapter: Chapter) -> str:
    return (EXPLANATION / "figures" / f"{chapter.name}.svg").read_text(encoding="utf-8")


# ---- what is committed


@EVERY
def test_a_page_has_the_equations_of_the_cells_and_the_tables_of_the_numbers(chapter: Chapter) -> None:
    store, page = Store(RESULTS), page_of(chapter)
    numbers = store.numbers(chapter)
    assert filled(page, chapter, numbers, store.document) == page
    for cell in chapter.cells:
        assert emit_latex(cell) in page
    for lines in chapter.tables(numbers).values():
        assert "\n".join(lines) in page


@EVERY
def test_a_page_shows_its_figure_and_names_its_command(chapter: Chapter) -> None:
    page = page_of(chapter)
    assert f"](../figures/{chapter.name}.svg)\n\n```bash\nscripts/draw-figures {chapter.name}\n```" in page
    assert f"scripts/draw-figures --measure {chapter.name}`" in page
    assert re.search(r"\d cores of .*, Python 3.*\ntorch .*, NumPy .*, \d{4}-\d\d-\d\d", page)
    assert f"]({chapter.name}.md)" in (EXPLANATION / "theory" / "README.md").read_text(encoding="utf-8")


@EVERY
def test_decimals_in_what_a_page_says_of_its_measurements_are_in_its_tables(chapter: Chapter) -> None:
    measured = page_of(chapter).split("## Measured\n")[1]
    generated = "\n".join(re.findall(r"<!-- theory:.*?<!-- /theory -->", measured, flags=re.S))
    prose = re.sub(r"<!-- theory:.*?<!-- /theory -->", "", measured, flags=re.S)
    prose = re.sub(r"`[^`]*`|\([^()]*arXiv[^()]*\)|arXiv [\d.]+", "", prose)
    for number in re.findall(r"\d+\.\d+", prose):
        assert number in generated, number


@EVERY
def test_a_figure_can_be_read_aloud_and_has_a_dark_colour_for_each_light_one(chapter: Chapter) -> None:
    text = figure_of(chapter)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title") == chapter.title
    assert root.findtext(f"{space}desc") == chapter.about
    style = text[text.index("<style>") : text.index("</style>")]
    drawn = text[text.index("</style>") :]
    used = set(re.findall(r"(fill|stroke): (#[0-9a-f]{6})", drawn))
    assert used
    for kind, color in used:
        # an element's own style goes before a style sheet, unless that one insists
        assert re.search(rf'\[style\*="{kind}: {color}"\] {{ {kind}: #[0-9a-f]{{6}} !important; }}', style), (
            color
        )
    assert "<text" in drawn
    assert "http" not in re.sub(
        r'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>', "", text
    )  # refers to nothing outside


@pytest.mark.slow
@pytest.mark.parametrize("name", ["three-gates", "conveyor"])
def test_numbers_of_the_shipped_model_are_of_the_one_that_ships(name: str) -> None:
    assert Store(RESULTS).numbers(CHAPTERS[name])["sentence"]["model"] == shipped.digest()


@EVERY
def test_numbers_are_over_five_seeds_or_groups_at_least(chapter: Chapter) -> None:
    for name, item in chapter.items.items():
        counts = [item.settings[kind] for kind in ("seeds", "groups", "turns") if kind in item.settings]
        assert counts == [] or counts[0] >= 5, name


# ---- how it is made


def chapter_of(**items: Any) -> Chapter:
    """A chapter that measures what it is told, and draws a line."""

    def draw(numbers: Any, figure: Any) -> None:
        figure.subplots().plot([0, 1], [numbers["a"]["x"], 2], color=canvas.BLUE)

    return Chapter(
        name="small",
        title="A <small> figure",
        about="A line.",
        cells=[cells.RNN()],
        items={
            name: Item({"x": value}, lambda settings: {"x": settings["x"]}) for name, value in items.items()
        },
        draw=draw,
        size=(3.0, 2.0),
        tables=lambda numbers: {"one": table(["x"], [[told([numbers["a"]["x"]])]])},
    )


def test_what_is_measured_is_kept_item_by_item_and_not_measured_twice(tmp_path: Path) -> None:
    path, heard = tmp_path / "theory.json", []
    Store(path).measure(chapter_of(a=1.5), hear=heard.append)
    Store(path).measure(chapter_of(a=1.5, b=2.0), hear=heard.append)
    assert [line.split(":")[0] for line in heard] == ["small.a", "small.b"]
    assert Store(path).numbers(chapter_of(a=1.5, b=2.0)) == {"a": {"x": 1.5}, "b": {"x": 2.0}}
    Store(path).measure(chapter_of(a=1.5), again=True, hear=heard.append)
    assert len(heard) == 3


def test_with_other_settings_numbers_are_missing_and_measured_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "theory.json")
    store.measure(chapter_of(a=1.5))
    with pytest.raises(OptionError, match="small must have been measured as it is set now; missing: a"):
        store.numbers(chapter_of(a=2.5))
    store.measure(chapter_of(a=2.5))
    assert store.numbers(chapter_of(a=2.5)) == {"a": {"x": 2.5}}


def test_an_item_that_fails_leaves_the_ones_before_it(tmp_path: Path) -> None:
    path = tmp_path / "theory.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        Store(path).measure(chapter_of(a=1.5, b=float("nan")))
    assert Store(path).has(chapter_of(a=1.5), "a")


def test_numbers_of_two_machines_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "theory.json"
    Store(path).measure(chapter_of(a=1.5))
    document = json.loads(path.read_text(encoding="utf-8"))
    document["machine"]["cpu"] = "an abacus"
    write_json("test", path, document)
    with pytest.raises(OptionError, match="of one machine"):
        Store(path).measure(chapter_of(a=1.5, b=2.0))
    assert "abacus" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["{", "[]", '{"items": {}}'])
def test_what_is_no_document_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "theory.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=r"theory\.json: must be"):
        Store(path)


PARTS = ("equations 0", "figure", "table one", "made")


def small_page(*names: str) -> str:
    return "# Small\n" + "".join(
        f"\nProse.\n\n<!-- theory:{name} -->\nold\n<!-- /theory -->\n" for name in names
    )


def test_generated_parts_are_replaced_and_prose_stays(tmp_path: Path) -> None:
    store, chapter = Store(tmp_path / "theory.json"), chapter_of(a=1.5)
    store.measure(chapter)
    page = filled(small_page(*PARTS), chapter, store.numbers(chapter), store.document)
    assert "old" not in page
    assert page.count("Prose.") == 4
    assert "| x |\n|---|\n| 1.5 |" in page
    assert emit_latex(cells.RNN()) in page
    assert filled(page, chapter, store.numbers(chapter), store.document) == page
    other = dataclasses.replace(chapter, cells=[cells.GRU()])
    assert filled(page, other, store.numbers(chapter), store.document) != page


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("figure", "table two"), r"got \['table two'\]"),
        (PARTS[:-1], "missing: made"),
        ((), "missing: equations 0, figure"),
    ],
)
def test_a_page_has_all_generated_parts_and_no_others(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    store, chapter = Store(tmp_path / "theory.json"), chapter_of(a=1.5)
    store.measure(chapter)
    with pytest.raises(OptionError, match=message):
        filled(small_page(*names), chapter, store.numbers(chapter), store.document)


def test_the_same_numbers_give_the_same_drawing_whatever_matplotlib_is_set_to() -> None:
    pytest.importorskip("matplotlib")
    import matplotlib as mpl

    chapter, numbers = chapter_of(a=1.5), {"a": {"x": 1.5}}
    once = canvas.figure_svg(chapter, numbers)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert canvas.figure_svg(chapter, numbers) == once
    assert canvas.figure_svg(chapter, {"a": {"x": 1.0}}) != once
    assert '<title id="title">A &lt;small&gt; figure</title>' in once
    assert not any(line != line.rstrip() for line in once.split("\n"))
    ElementTree.fromstring(once)
