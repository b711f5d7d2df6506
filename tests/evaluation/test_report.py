"""The HTML report: well formed, self-contained, escaped, repeatable; its figures and their refusals."""

from __future__ import annotations

import html.parser
import math
import re
import sys

import numpy as np
import pytest

from peephole.errors import MissingExtra, OptionError
from peephole.evaluation import (
    Evaluation,
    Mistake,
    check_report_path,
    evaluate,
    report_html,
    write_report,
)
from peephole.evaluation.figures import learning_curve, length_diagram, reliability_diagram
from peephole.markup import escaped

VOID = {"meta", "br", "link", "input", "img", "hr"}
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>&amp;\'$title ${facts}'


class Page(html.parser.HTMLParser):
    """Checks that tags nest, and gathers tags, attributes, ids and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def example(names: list[str], texts: int = 400) -> Evaluation:
    random = np.random.default_rng(len(names))
    labels = random.integers(0, len(names), texts)
    logits = random.normal(size=(texts, len(names)))
    logits[np.arange(texts), labels] += 2
    raised = np.exp(logits)
    lengths = random.integers(0, 600, texts)
    return evaluate(raised / raised.sum(axis=1, keepdims=True), labels, names, lengths=lengths, logits=logits)


HISTORY = [
    {"step": 100 * i, "epoch": i / 2, "loss": 0.7 / (1 + i), "tokens_per_second": 9000.0 + i}
    | ({"development_accuracy": 0.9 - 0.1 / (1 + i), "development_log_loss": 0.3} if i % 2 else {})
    for i in range(8)
]
MISTAKES = [
    Mistake(HOSTILE, "negative", "positive", 0.98),
    Mistake("start " + "x" * 5000 + " end\x00\u202e\udc80", "negative", "positive", 0.97),
]


def full(names: list[str] | None = None) -> str:
    return report_html(
        example(names or ["negative", "positive"]),
        title=f"Evaluation {HOSTILE}",
        facts={f"Model {HOSTILE}": HOSTILE},
        history=HISTORY,
        mistakes=MISTAKES,
    )


@pytest.mark.parametrize("classes", [2, 3, 7, 20])
def test_pages_are_well_formed_and_hold_their_parts(classes):
    page = Page(full([f"class {i}" for i in range(classes)]))
    for heading in (
        "By class",
        "Confusion matrix",
        "Reliability",
        "Accuracy by length",
        "Learning curve",
        "Most confident mistakes",
    ):
        assert heading in page.text
    assert page.tags.count("svg") == 3
    assert page.tags.count("table") == 3
    cells = [label for label in page.values("title") if " answered as " in label]
    assert len(cells) == classes * classes


def test_numbers_stand_in_the_page():
    result = example(["negative", "positive"])
    page = Page(report_html(result))
    assert f"{100 * result.accuracy:.1f} %" in page.text
    assert f"{result.roc_auc:.3f}" in page.text
    assert f"negative answered as positive: {result.confusion[0][1]}" in " ".join(page.values("title"))


def test_parts_without_data_are_left_out():
    result = evaluate([[0.9, 0.1]], [0], ["negative", "positive"])
    page = Page(report_html(result))
    assert page.tags.count("svg") == 1
    assert "Learning curve" not in page.text
    assert "Most confident mistakes" not in page.text
    assert "Without any text" in page.text
    assert Page(report_html(result, history=[])).tags.count("svg") == 1


def test_texts_are_escaped_everywhere():
    page = full([HOSTILE, "positive"])
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert not [key for key, _ in parsed.attributes if key.startswith("on")]
    assert HOSTILE in "".join(parsed.words)
    assert "\x00" not in page
    assert "\u202e" not in page
    page.encode("utf-8")


def test_nothing_is_fetched():
    page = full()
    shown = page.replace(escaped(HOSTILE), "")
    assert "http" not in shown.replace("http-equiv", "")
    assert "//" not in shown
    assert "@import" not in shown
    assert [u for u in re.findall(r"url\(([^)]*)\)", shown) if not u.startswith("#")] == []
    parsed = Page(page)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(parsed.tags)
    assert [value for value in parsed.values("href") if not value.startswith("#")] == []
    assert parsed.values("src") == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in parsed.values("content")


def test_ids_are_unique_and_references_lead_somewhere():
    page = full()
    ids = Page(page).values("id")
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    assert wanted
    assert set(wanted) <= set(ids)


def test_figures_take_the_pages_colours_and_font():
    svg = reliability_diagram(example(["negative", "positive"]))
    assert "var(--accent)" in svg
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", svg)) == set()
    assert set(re.findall(r"font-family: ([^;\"]+)", svg)) == {"inherit"}


def test_every_colour_of_the_figures_is_defined_by_the_page_in_light_and_dark():
    page = full()
    used = set(re.findall(r"var\((--[a-z]+)\)", page)) - {"--heat", "--width"}
    for start in (r"^:root \{", r"prefers-color-scheme: dark\) \{\s*:root \{"):
        blocks = re.findall(start + "(.*?)}", page, flags=re.M | re.S)
        assert len(blocks) == 2  # of the style that pages share, and of this page's own
        assert used <= set(re.findall(r"(--[a-z]+):", " ".join(blocks)))


def test_long_mistakes_are_shortened_in_the_middle():
    page = Page(full()).text
    assert "start x" in page
    assert "… 4,353 characters …" in page
    assert "x" * 1000 not in page


def test_only_so_many_mistakes_are_shown():
    many = [Mistake(f"text {i}", "negative", "positive", 0.9) for i in range(50)]
    result = example(["negative", "positive"])
    assert Page(report_html(result, mistakes=many, most_mistakes=3)).text.count("answered") == 0
    assert report_html(result, mistakes=many, most_mistakes=3).count('data-name="answered"') == 3
    assert "Most confident" not in report_html(result, mistakes=many, most_mistakes=0)
    with pytest.raises(OptionError, match="most_mistakes must be 0 or more; got -1"):
        report_html(result, most_mistakes=-1)


def test_the_same_evaluation_gives_the_same_page():
    assert full() == full()


def test_the_file_is_the_page(tmp_path):
    result = example(["negative", "positive"])
    path = tmp_path / "report.html"
    write_report(path, result, title="Übersicht")
    assert path.read_text("utf-8") == report_html(result, title="Übersicht")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OptionError, match=r"report\.html: the file's folder must exist; got no folder"):
        write_report(tmp_path / "no" / "report.html", result)


def test_a_path_is_checked_beforehand(tmp_path):
    check_report_path(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match=r"report\.html: the file's folder must exist; got no folder"):
        check_report_path(tmp_path / "no" / "report.html")
    with pytest.raises(OptionError, match=f"{tmp_path.name}: must be the path of a file; got a folder"):
        check_report_path(tmp_path)


def test_no_class_name_and_no_text_reaches_matplotlib():
    # A glyph that its font lacks would be a warning (here: an error), and "$x$" would be set as a formula.
    page = full(["映画 $\\frac{1}", "🎬 $x$"])
    assert "$\\frac{1}" in Page(page).text


def test_pyplot_and_the_users_settings_are_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    full()
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Blocked(), *sys.meta_path])
    for needs_it in (
        lambda: report_html(example(["negative", "positive"])),
        lambda: check_report_path("r.html"),
    ):
        with pytest.raises(MissingExtra) as caught:
            needs_it()
        assert 'pip install "peephole[figures]"' in str(caught.value)


class Blocked:
    """An importer that denies that matplotlib exists."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def words_of(svg: str | None) -> list[str]:
    assert svg is not None
    return re.findall(r">([^<>\n]+)</text>", svg)


def test_learning_curve_parts():
    assert {"epoch", "loss, nats", "training", "development"} <= set(words_of(learning_curve(HISTORY)))
    steps_only = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.4}]
    assert "step" in words_of(learning_curve(steps_only))
    assert "development" not in words_of(learning_curve(steps_only))
    scores_only = [{"development_accuracy": 0.5}, {"development_accuracy": 0.6}]
    assert "report" in words_of(learning_curve(scores_only))
    assert "loss, nats" not in words_of(learning_curve(scores_only))


def test_learning_curve_of_a_run_that_diverged():
    broken = [
        {"step": 1, "loss": 0.7},
        {"step": 2, "loss": math.nan},
        {"step": 3, "loss": math.inf},
        {"step": 4, "loss": None},
    ]
    assert learning_curve(broken) is not None
    assert learning_curve(broken[1:]) is None
    assert learning_curve([]) is None
    assert learning_curve([{"tokens_per_second": 5.0}]) is None


def test_learning_curve_of_a_long_run_stays_small():
    long = [{"step": i, "loss": 1 / (1 + i)} for i in range(100_000)]
    svg = learning_curve(long)
    assert svg is not None
    assert len(svg) < 60_000


def test_learning_curve_takes_numpys_numbers_and_refuses_words():
    assert learning_curve([{"step": np.int64(1), "loss": np.float32(0.5)}]) is not None
    with pytest.raises(OptionError, match=r"history: entry 1: 'loss' must be a number or None; got 'low'"):
        learning_curve([{"loss": 0.5}, {"loss": "low"}])


def test_figures_at_the_extremes():
    sure = evaluate([[1.0, 0.0]] * 3, [0, 0, 1], ["a", "b"], lengths=[0, 0, 10**6])
    assert reliability_diagram(sure)
    assert "524,289–1,048,576 (1)" in words_of(length_diagram(sure))
    unsure = evaluate([[0.05] * 20] * 3, [0, 5, 1], [str(i) for i in range(20)])
    assert reliability_diagram(unsure)
    assert length_diagram(unsure) is None
