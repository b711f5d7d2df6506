"""The page as a file: what is in it cannot act, and nothing outside it is needed."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re

import pytest

from peephole.insight.page import explained_page, notebook_html, page_html
from peephole.insight.visible import visible
from support.small_models import small_classifier

HOSTILE = {
    "script": "</script><script>document.title='owned'</script> good",
    "comment": "<!--<script> good film -->",
    "markup": "<img src=x onerror=\"document.title='owned'\"> & &lt;b&gt; good",
    "template": "$data ${title} $$ good",
    "style": "</style><style>*{display:none}</style>",
    "direction": "\u202eevil\u202c good \u2066not\u2069 \u200f",
    "line ends": "good\u2028film\u2029bad\x85",
    "controls": "good\x00\x1b[31m bad\x7f\x9b",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 good \U0001f642",
    "piled marks": "good" + "\u0301" * 500 + " film",
    "half a pair": "good \ud800 film",
    "one long word": "m" * 40_000,
    "nothing": "",
    "white space": " \t\n",
}


class Elements(html.parser.HTMLParser):
    """The elements of a page, and what its scripts and styles hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: dict[str, list[dict[str, str | None]]] = {}
        self.content: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes.setdefault(tag, []).append(dict(attrs))
        self._open = tag if tag in ("script", "style", "title") else ""

    def handle_data(self, data):
        if self._open:
            self.content.setdefault(self._open, []).append(data)

    def handle_endtag(self, tag):
        self._open = ""


def page_of(text: str) -> tuple[dict, str]:
    _, data = explained_page(small_classifier(), text, phrases=True)
    return data, page_html(data)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_data_and_nothing_else(name: str) -> None:
    data, page = page_of(HOSTILE[name])
    calm = Elements(page_of("good film")[1])
    found = Elements(page)
    assert found.names == calm.names
    assert found.attributes["meta"] == calm.attributes["meta"]
    assert found.content["script"][1:] == calm.content["script"][1:]
    read = json.loads(found.content["script"][0])
    assert read == json.loads(json.dumps(data))
    assert "<" not in found.content["script"][0]
    page.encode()
    shown = json.dumps(read, ensure_ascii=False)
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown
    )
    assert "\u0301" * 5 not in shown


def test_hostile_labels_are_data_too() -> None:
    model = small_classifier(labels=["<b>bad</b>", '"good" & fine', "</script>"])
    _, data = explained_page(model, "good film")
    page = page_html(data)
    assert Elements(page).names == Elements(page_of("good film")[1]).names
    assert {label for label, _ in data["verdict"]["probabilities"]} == {
        "<b>bad</b>",
        '"good" & fine',
        "</script>",
    }


def test_a_title_of_ones_own_is_text() -> None:
    _, data = explained_page(small_classifier(), "good film", title="</title><script>alert(1)</script>")
    assert Elements(page_html(data)).names == Elements(page_of("good film")[1]).names


def test_the_policy_names_the_very_script_and_style_and_forbids_all_else() -> None:
    found = Elements(page_of("good film")[1])
    policy = next(
        meta["content"]
        for meta in found.attributes["meta"]
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for kind, code in (("script", found.content["script"][1]), ("style", "".join(found.content["style"]))):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert (rules["default-src"], rules["base-uri"], rules["form-action"]) == ("'none'", "'none'", "'none'")
    assert not any("style" in attributes for own in found.attributes.values() for attributes in own)


def test_the_page_names_no_address_but_that_of_a_namespace() -> None:
    _, page = page_of("good film")
    assert set(re.findall(r"\w+://[^\s\"'`<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"\bimport\b|\bfetch\b|XMLHttpRequest|WebSocket|innerHTML|outerHTML|insertAdjacent|\beval\b|document\.write",
        page,
    )


def test_the_same_text_gives_the_same_page() -> None:
    assert page_of("good film")[1] == page_of("good film")[1]


def test_without_a_script_the_verdict_and_the_text_can_be_read() -> None:
    data, page = page_of("<b>good</b> film")
    summary = re.search(r"<noscript><p>(.*?)</p>", page)[1]
    assert summary.startswith(
        f"{data['verdict']['label']} {100 * data['verdict']['probabilities'][0][1]:.1f} %"
    )
    assert "&lt;b&gt;good&lt;/b&gt; film" in summary


def test_a_notebook_gets_the_page_in_a_frame_that_reaches_nothing() -> None:
    data, page = page_of("It's <b>\"good\"</b> & 'fine'")
    frame = Elements(notebook_html(data, height=300))
    assert frame.names == ["iframe"]
    (attributes,) = frame.attributes["iframe"]
    assert attributes["srcdoc"] == page
    assert (attributes["sandbox"], attributes["height"]) == ("allow-scripts", "300")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\nc\u3000d", "a b c d"),
        ("\x1b[2J", "␛[2J"),
        ("\x7f\x85\x9b", "␡ �"),
        ("\u202eab\u202c\u200f\ufeff", "⟨RLO⟩ab⟨PDF⟩⟨RLM⟩⟨BOM⟩"),
        ("\u2028", "⟨LSEP⟩"),
        ("\uffff\ud800\U0010fffe", "���"),
        ("नमस्ते مرحبا 👩\u200d👧", "नमस्ते مرحبا 👩\u200d👧"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4),
    ],
)
def test_what_would_act_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
