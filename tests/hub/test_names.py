"""What is a name of the Hub, what is a path, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from peephole.classifier.hub.names import HubModel, hub_model, parse_hub_model, short_name
from peephole.errors import OptionError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ada/films", HubModel("ada/films", "main")),
        ("hf:ada/films", HubModel("ada/films", "main")),
        ("Ada-1/film.reviews_2", HubModel("Ada-1/film.reviews_2", "main")),
        ("ada/films@v1.0", HubModel("ada/films", "v1.0")),
        ("ada/films@refs/pr/3", HubModel("ada/films", "refs/pr/3")),
        (f"ada/films@{COMMIT}", HubModel("ada/films", COMMIT)),
    ],
)
def test_names_are_taken_apart(name: str, expected: HubModel) -> None:
    assert parse_hub_model(name) == expected
    assert parse_hub_model(str(expected)) == expected
    assert expected.is_commit == (expected.revision == COMMIT)


@pytest.mark.parametrize(
    "name",
    [
        "films", "", "/ada/films", "./films", "../films", "ada/films/more", "ada/", "ada//films", "ada/../films", "ada/.git",
        "-ada/films", "ada/films-", "ada/fi..lms", "ada/fi--lms", "ada/films.", "~/films", "ada\\films", "ada/fi lms", "ada/f\0",
        "ada/films\n", "a" * 97 + "/b", "ada/filme\u0301", "hf:films", "ада/films", "ada/films.git",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_name_is_a_path(name: str) -> None:
    assert parse_hub_model(name) is None


@pytest.mark.parametrize(
    "revision",
    ["", "..", "a/../b", "/a", "a/", "a//b", ".a", "a/.b", "a b", "a\n", "a\0", "-x", "ä", "a" * 256],
    ids=ascii,
)
def test_what_is_no_revision_is_refused(revision: str) -> None:
    with pytest.raises(
        OptionError, match=r"^load: a revision must be a branch, a tag, a commit or refs/pr/NUMBER; got "
    ):
        parse_hub_model("ada/films", revision)


def test_a_revision_given_twice_is_refused() -> None:
    with pytest.raises(
        OptionError, match="a revision must be given once; got 'v1' in 'ada/films@v1', and 'v2'"
    ):
        parse_hub_model("ada/films@v1", "v2")


def test_a_path_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub_model("ada/films") == HubModel("ada/films")
    assert hub_model(Path("ada/films")) is None
    Path("ada").mkdir()
    Path("ada/films").symlink_to("nowhere")  # a broken link is something of one's own, too
    assert hub_model("ada/films") is None
    assert hub_model("hf:ada/films") == HubModel("ada/films")


def test_a_short_name() -> None:
    assert [short_name(name) for name in ("ada/films@v2", "hf:ada/films", "/runs/7/", "reviews")] == [
        "films", "films", "7", "reviews",
    ]  # fmt: skip
