"""`peephole explain` as a person runs it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from peephole.classifier import load
from peephole.cli.explain import explain as command
from peephole.cli.styles import colours
from peephole.insight import trace
from peephole.insight.explanations import explain, methods, words_that_matter
from peephole.insight.explanations.methods import LONG
from support.models import word_counter
from support.small_models import small_classifier

TEXT = "A good film, not bad at all!"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_classifier(labels=["bad", "good"]).save(tmp_path_factory.mktemp("models") / "model")


def run(
    model: Path, *arguments: object, stdin: str = "", status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program without a terminal; fail unless it ends with `status`."""
    done = subprocess.run(
        [sys.executable, "-m", "peephole", "explain", *map(str, arguments), "--model", str(model)],
        input=stdin.encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", **environment},
    )
    result = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result


def on_terminal(model: Path, *arguments: str, **environment: str) -> str:
    """What the program prints on a terminal of 80 columns."""
    main, side = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    process = subprocess.Popen(
        [sys.executable, "-m", "peephole", "explain", *arguments, "--model", str(model)],
        stdin=side,
        stdout=side,
        stderr=subprocess.STDOUT,
        env={**inherited, "COLUMNS": "80", "TERM": "xterm-256color", **environment},
    )
    os.close(side)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so where the other side of a terminal is closed
        while part := os.read(main, 65536):
            shown += part
    os.close(main)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_without_a_terminal_it_is_a_table_with_the_numbers_of_explain(model: Path) -> None:
    done = run(model, TEXT)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    labels, table, sentences = done.stdout.split("\n\n")
    found = explain(load(model), TEXT)
    assert labels.split("\n")[0] == f"{found.text.label}\t{found.text.probabilities.max():.4f}"
    head, *rows = (line.split("\t") for line in table.split("\n"))
    assert head[1] == f"towards {found.target}"
    assert [row[0] for row in rows] == [word.text for word in found.text.words]
    assert [float(row[1]) for row in rows] == pytest.approx(found.scores.tolist(), abs=1e-4)
    keep = trace(load(model), TEXT)["layer0.forward.f"].mean(axis=1)
    first = [keep[word.first : word.end].mean() for word in found.text.words]
    assert [float(row[2]) for row in rows] == pytest.approx(first, abs=1e-4)
    assert "Deleting words" in sentences
    assert "Words change each other most in “" in sentences


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_a_terminal_has_colours_unless_told_otherwise(model: Path) -> None:
    coloured = on_terminal(model, TEXT)
    assert "\x1b[38;5;231;48;5;" in coloured
    assert "\x1b[38;2;" in on_terminal(model, TEXT, COLORTERM="truecolor")
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = on_terminal(model, TEXT, **environment)
        assert "\x1b" not in plain
        assert re.search(r"^→ keep +[▁-█ ]+$", plain, re.M)
    assert re.search(r"^→ keep ", re.sub("\x1b\\[[0-9;]*m", "", coloured), re.M)


@pytest.mark.parametrize(
    ("environment", "system", "count"),
    [
        ({"TERM": "xterm"}, "posix", 256),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, "posix", 1 << 24),
        ({"TERM": "linux"}, "posix", 0),
        ({}, "posix", 0),
        ({}, "nt", 0),
        ({"WT_SESSION": "1"}, "nt", 1 << 24),
        ({"WT_SESSION": "1", "NO_COLOR": "1"}, "nt", 0),
        ({"TERM": "xterm", "NO_COLOR": ""}, "posix", 256),
    ],
)
def test_colours_by_the_environment(environment: dict[str, str], system: str, count: int) -> None:
    assert colours(environment, system) == count


def test_json_is_strict_and_has_explanation_and_gates(model: Path) -> None:
    document = json.loads(
        run(model, TEXT, "--json", "--method", "integrated-gradients", "--target", "bad").stdout
    )
    found = explain(load(model), TEXT, method="integrated-gradients", target="bad")
    assert document["words"] == json.loads(json.dumps(found.to_dict()["words"]))
    assert (document["method"], document["target"]) == ("integrated-gradients", "bad")
    assert document["base"] + sum(word["score"] for word in document["words"]) + document[
        "gap"
    ] == pytest.approx(document["value"])
    forward = document["tracks"][0]
    assert forward["name"] == "layer0.forward"
    expected = trace(load(model), TEXT)["layer0.forward.i"].mean(axis=1)
    assert forward["gates"]["write"] == pytest.approx(expected.tolist(), rel=1e-4)
    assert len(document["tokens"]) == len(forward["put"]) == len(forward["left"]) == len(forward["gradient"])


def test_html_writes_one_file_whole_and_says_so(model: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    page.write_text("old")
    done = run(model, TEXT, "--html", page)
    assert done.stderr == f"wrote {page}\n"
    assert done.stdout == run(model, TEXT).stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir()] == ["why.html"]
    refused = run(model, TEXT, "--html", tmp_path / "none" / "why.html", status=2)
    assert "the file's folder must exist" in refused.stderr
    assert refused.stdout == ""


def test_an_existing_path_is_a_file_unless_told_otherwise(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "good.txt"
    file.write_text("A bad story.\n")
    by_file = run(model, file).stdout
    assert (
        by_file
        == run(model, "A bad story.").stdout
        == run(model, stdin="A bad story.").stdout
        == run(model, "-", stdin="A bad story.\n").stdout
    )
    assert "good" in run(model, file, "--text").stdout.split("\n\n")[1]
    assert "no such file" in run(model, tmp_path / "missing.csv", status=2).stderr


def test_of_several_texts_the_words_that_matter_are_told_for_each_label(model: Path, tmp_path: Path) -> None:
    texts = ["good film", "bad film", "good story", "not good", "bad"]
    file = tmp_path / "reviews.csv"
    file.write_text("review\n" + "".join(f"{text}\n" for text in texts))
    lines = [line.split("\t") for line in run(model, file, "--top", "3").stdout.splitlines()]
    assert lines[0] == ["label", "word", "score", "count"]
    expected = words_that_matter(load(model), texts, top=3, min_count=1)
    assert [(label, word, int(count)) for label, word, _, count in lines[1:]] == [
        (label, word.word, word.count) for label, words in expected.items() for word in words
    ]
    document = json.loads(run(model, file, "--json", "--min-count", "2").stdout)
    assert all(word["count"] >= 2 for words in document.values() for word in words)
    assert set(document) == {"bad", "good"}
    few = texts * 4
    file.write_text("review\n" + "".join(f"{text}\n" for text in few))
    counts = {line.split("\t")[3] for line in run(model, file).stdout.splitlines()[1:]}
    assert counts
    assert min(map(int, counts)) >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_on_a_terminal_they_have_bars(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text("the film was good\nthe film was bad\n")
    shown = on_terminal(word_counter().save(tmp_path / "counter"), str(file))
    assert "Words that push most towards negative, where the model says so\n  bad " in shown
    assert re.search(r"^  good +\+\d+\.\d\d  █{20}  1 times$", shown, re.M)


def test_the_help_names_every_method_the_default_first() -> None:
    option = get_type_hints(command, include_extras=True)["method"].__metadata__[0]
    *names, last = [method.name for method in methods()]
    assert names.index(LONG) == 2
    assert option.help == f"{', '.join(names)} or {last}; auto: the first, or in long texts the third"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("good", "--target", "better"), "got 'better'"),
        (("good", "--method", "magic"), "method must be one of"),
        (("good", "--top", "3"), "explain: --top is for several texts; got one text"),
        (
            ("good", "--text-column", "review"),
            "explain: --text-column is for files; got text",
        ),
    ],
)
def test_what_does_not_fit_is_refused(model: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(model, *arguments, status=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_html_is_for_one_text(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text("good film\nbad film\n")
    assert (
        "explain: --html is for one text" in run(model, file, "--html", tmp_path / "x.html", status=2).stderr
    )
    assert "explain: --target is for one text" in run(model, file, "--target", "good", status=2).stderr


HOSTILE = {
    "blank": " ",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 good",
    "turned": "\u202eevil\u202c good",
    "escapes": "good \x1b[2J\x1b]0;owned\x07 \x9b31m",
    "markup": "<script>alert(1)</script>",
    "long": "good bad film " * 34_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_is_answered_and_none_acts(model: Path, name: str, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    done = run(
        model,
        "-",
        "--method",
        "integrated-gradients",
        "--html",
        page,
        "--format",
        "lines",
        stdin=HOSTILE[name],
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", done.stdout)
    assert done.stdout.split("\t")[0] in ("bad", "good")
    assert 10_000 < page.stat().st_size < 2_000_000


def test_an_output_that_lacks_letters_gets_question_marks(model: Path) -> None:
    done = run(model, "good 映画", PYTHONIOENCODING="ascii")
    assert "??" in done.stdout
