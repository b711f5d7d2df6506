"""What a notebook shows, in a real browser: nothing in it acts, columns stand under their words, letters can be read."""

from __future__ import annotations

from typing import Any

import pytest

import peephole
from peephole.evaluation import evaluate
from peephole.insight.explanations import explain
from peephole.insight.page import still
from support.axe import violations
from support.browsing import all_of, complaints
from support.small_models import small_classifier

HOSTILE = (
    "</script><script>document.title='owned'</script> <img src=x onerror=\"document.title='owned'\"> "
    '" onmouseover="document.title=\'owned\'" </td></table><svg onload="document.title=\'owned\'"> good'
)
GROUNDS = {
    "light": ("#ffffff", "#1f1f1f"),
    "dark": ("#111111", "#dedede"),
}  # paper and ink of JupyterLab's two themes


def notebook(*outputs: str, ground: str = "light") -> str:
    """A page that shows outputs as a notebook does: among other things, in its own ink."""
    paper, ink = GROUNDS[ground]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>still</title>'
    body = f'<body style="background:{paper};color:{ink};font:14px/1.4 sans-serif"><main><h1>Outputs</h1>'
    return head + body + "<hr>".join(outputs) + "</main></body></html>"


def test_nothing_in_a_text_or_a_label_acts(open_page: Any) -> None:
    model = small_classifier(labels=[HOSTILE, "good"])
    shown = [
        value._repr_html_()
        for value in (
            peephole.trace(model, HOSTILE),
            explain(model, HOSTILE, phrases=True),
            peephole.trace(model, [HOSTILE, "good"]),
            evaluate([[0.9, 0.1], [0.2, 0.8]], [0, 1], [HOSTILE, "good"]),
            model,
        )
    ]
    browser = open_page(notebook(*shown))
    assert browser.title == "still"
    assert complaints(browser) == []
    assert all_of(browser, "script, [onmouseover], [onerror], [onload]") == []


@pytest.mark.parametrize("words", [3, 20])
def test_a_picture_is_as_wide_as_its_words(open_page: Any, words: int) -> None:
    browser = open_page(
        notebook(peephole.trace(small_classifier(), " ".join(["good film"] * words))._repr_html_())
    )
    heads = [element.rect for element in all_of(browser, "thead")[0].find_elements("css selector", "th")][1:]
    picture = all_of(browser, "img")[0].rect
    assert picture["x"] == pytest.approx(heads[0]["x"], abs=1.5)
    assert picture["x"] + picture["width"] == pytest.approx(heads[-1]["x"] + heads[-1]["width"], abs=1.5)
    assert max(head["width"] for head in heads) - min(head["width"] for head in heads) < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("ground", GROUNDS)
def test_letters_can_be_read_on_paper_of_either_kind(open_page: Any, ground: str) -> None:
    model = peephole.load()
    text = "The plot is thin, but the cast is warm."
    shown = still(peephole.trace(model, text), explain(model, text, phrases=True))
    scores = evaluate([[0.9, 0.1], [0.2, 0.8]], [0, 1], ["bad", "good"])._repr_html_()
    browser = open_page(notebook(shown, scores, model._repr_html_(), ground=ground))
    assert violations(browser) == []
