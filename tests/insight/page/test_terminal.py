"""What a terminal shows: the same numbers as the page, harmless, and never wider than it is."""

from __future__ import annotations

import re

import pytest

from peephole.insight.ink import Style
from peephole.insight.page import explained_page
from peephole.insight.terminal import table_text, terminal_text
from peephole.insight.visible import cells
from support.small_models import small_classifier

TEXT = "A good film, not bad at all!\n\nWasn't it nice? It was NOT."
ODD = {
    "plain": TEXT,
    "empty": "",
    "wide": "とても良い映画でした good 映画",
    "right to left": "فيلم رائع good جدا",
    "emoji": "\U0001f642 good \U0001f469\u200d\U0001f467 film",
    "marks": "good" + "\u0301" * 50 + " film",
    "escapes": "good \x1b[2J\x1b]0;owned\x07 \x9b31m bad",
    "turned": "\u202egood\u202c film",
    "a long word": "m" * 300 + " good",
    "long": "good bad film " * 400,
}
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def data_of(text: str = TEXT, **options):
    return explained_page(small_classifier(**options), text, phrases=True, method="integrated-gradients")[1]


@pytest.mark.parametrize("colours", [0, 256, 1 << 24])
@pytest.mark.parametrize("width", [20, 33, 80, 200])
@pytest.mark.parametrize("name", ODD)
def test_lines_fit_and_nothing_acts(name: str, width: int, colours: int) -> None:
    shown = terminal_text(data_of(ODD[name]), Style(width, colours))
    plain = COLOUR.sub("", shown)
    assert colours or "\x1b" not in shown
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", plain)
    for line in plain.split("\n")[1:]:  # the labels of the verdict may be as long as they are
        assert cells(line) <= width, line


def test_each_word_has_its_strips_below_it() -> None:
    data = data_of(labels=["bad", "good"])
    lines = terminal_text(data, Style(60)).split("\n")
    at = next(n for n, line in enumerate(lines) if "good film" in line)
    strips = {line[: line.index("  ")]: line for line in lines[at + 1 : at + 9]}
    assert list(strips) == [
        data["push"]["target"],
        data["push"]["against"],
        "→ keep",
        "→ write",
        "→ show",
        "← keep",
        "← write",
        "← show",
    ]
    for word in data["words"][:3]:
        place = lines[at].index(word["text"])
        for track, arrow in zip(data["tracks"], "→←", strict=True):
            for gate in track["gates"]:
                own = gate["mean"][word["first"] : word["end"]]
                expected = "▁▂▃▄▅▆▇█"[int(sum(own) / len(own) * 8)]
                strip = strips[f"{arrow} {gate['role']}"]
                assert strip[place : place + len(word["text"])] == expected * len(word["text"])


def test_without_colours_the_pushes_have_strips_of_their_own() -> None:
    data = data_of("good bad", labels=["bad", "good"])
    one, other = (word["score"] for word in data["words"])
    lines = terminal_text(data, Style(60)).split("\n")
    at = next(n for n, line in enumerate(lines) if "good bad" in line)
    start = lines[at].index("good")
    largest = max(abs(one), abs(other))
    for line, sign in ((lines[at + 1], 1), (lines[at + 2], -1)):
        for place, score in ((start, one), (start + 5, other)):
            assert line[place] == "▁▂▃▄▅▆▇█"[min(int(max(sign * score, 0) / largest * 8), 7)]


def test_colours_are_those_of_the_sides() -> None:
    data = data_of("good bad", labels=["bad", "good"])
    for word in data["words"]:
        word["score"] = 1.0 if word["text"] == "good" else -1.0
    data["push"] |= {"target": "good", "against": "bad", "up": "a"}
    shown = terminal_text(data, Style(80, 1 << 24))
    assert "\x1b[38;2;255;255;255;48;2;24;104;190mgood\x1b[0m" in shown
    assert "\x1b[38;2;255;255;255;48;2;196;84;8mbad\x1b[0m" in shown
    data["words"][0]["score"] = 0.1
    assert "mgood\x1b[0m" not in terminal_text(data, Style(80, 256))


def test_without_block_characters_strips_are_digits() -> None:
    shown = terminal_text(data_of(), Style(80, 0, blocks=False))
    assert not re.search("[▁-█]", shown)
    assert "0 shut, 9 open" in shown


@pytest.mark.parametrize("text", ["فيلم رائع", "good film"])
def test_words_stand_under_each_other_where_a_line_could_be_turned(text: str) -> None:
    data = data_of(text)
    lines = terminal_text(data, Style(80)).split("\n")
    stacked = all(
        any(line.endswith(f" {word['text']}") and f"{word['score']:+6.2f} " in line for line in lines)
        for word in data["words"]
    )
    assert stacked == (text != "good film")


def test_the_table_has_every_word_with_its_numbers() -> None:
    data = data_of(labels=["bad", "good"])
    parts = table_text(data).split("\n\n")
    assert [line.split("\t")[0] for line in parts[0].split("\n")] == [
        label for label, _ in data["verdict"]["probabilities"]
    ]
    head, *rows = (line.split("\t") for line in parts[1].split("\n"))
    assert head[:5] == ["word", f"towards {data['push']['target']}", "→ keep", "→ write", "→ show"]
    assert len(rows) == len(data["words"])
    for row, word in zip(rows, data["words"], strict=True):
        assert (row[0], float(row[1])) == (word["text"], pytest.approx(word["score"], abs=1e-4))
        own = data["tracks"][0]["gates"][0]["mean"][word["first"] : word["end"]]
        assert float(row[2]) == pytest.approx(sum(own) / len(own), abs=1e-4)
    assert all(len(row) == len(head) for row in rows)


def test_of_a_deep_network_the_last_layer_has_strips_and_the_table_has_all() -> None:
    data = data_of(num_layers=3)
    lines = terminal_text(data, Style(80)).split("\n")
    assert (
        sum(line.startswith("→ keep") for line in lines)
        == sum(line.startswith("← keep") for line in lines)
        > 0
    )
    assert "layer0 → keep" in table_text(data)
    assert not any(line.startswith("layer0") for line in lines)
