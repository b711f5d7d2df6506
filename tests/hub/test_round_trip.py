"""Models to a hub and back: the same answers, the commit that was asked for, and what the server is asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import peephole
from peephole import Classifier
from peephole.errors import ModelError, OptionError
from support.fake_hub import FakeHub
from support.small_models import TEXTS, small_classifier

# The library's own, while it sends a large file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FILES = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}


def same_answers(one: Classifier, other: Classifier) -> bool:
    return np.array_equal(one.predict_proba(TEXTS), other.predict_proba(TEXTS))


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_what_was_pushed_answers_the_same(hub: FakeHub, storage) -> None:
    model = small_classifier().with_storage(storage)
    done = model.push_to_hub("ada/films", commit_message="The first one")
    assert done == ("ada/films", f"{hub.url}/ada/films/commit/{done.commit}", done.commit, "main")
    held = hub.repositories["ada/films"]
    assert held.commits[done.commit].keys() == FILES | {".gitattributes"}
    assert held.messages[-1] == "The first one"
    assert len(hub.large) == 1  # the weights went the way of large files
    for name in ("ada/films", "hf:ada/films", f"ada/films@{done.commit}", "ada/films@main"):
        assert same_answers(peephole.load(name), model)
    assert peephole.load("ada/films").config == model.config


def test_a_revision_is_what_it_was(hub: FakeHub) -> None:
    old, new, other = (small_classifier(seed=seed) for seed in range(3))
    first = old.push_to_hub("ada/films")
    new.push_to_hub("ada/films")
    branch = other.push_to_hub("ada/films", revision="try/other")
    assert branch.revision == "try/other"
    assert same_answers(peephole.load("ada/films"), new)
    assert same_answers(peephole.load(f"ada/films@{first.commit}"), old)
    assert same_answers(Classifier.from_pretrained("ada/films", revision="try/other"), other)
    assert same_answers(peephole.load("ada/films@try/other"), other)


def test_a_moved_branch_is_followed(hub: FakeHub) -> None:
    old, new = small_classifier(seed=0), small_classifier(seed=1)
    old.push_to_hub("ada/films")
    assert same_answers(peephole.load("ada/films"), old)
    new.push_to_hub("ada/films")
    assert same_answers(peephole.load("ada/films"), new)


def test_a_pull_request_leaves_the_branch_alone(hub: FakeHub) -> None:
    old, new = small_classifier(seed=0), small_classifier(seed=1)
    old.push_to_hub("ada/films")
    done = new.push_to_hub("ada/films", create_pr=True)
    assert (done.url, done.revision) == (f"{hub.url}/ada/films/discussions/1", "refs/pr/1")
    assert same_answers(peephole.load("ada/films"), old)
    assert same_answers(peephole.load("ada/films@refs/pr/1"), new)


@pytest.mark.parametrize(("private", "visibility"), [(True, "private"), (False, "public"), (None, None)])
def test_who_sees_a_new_repository(hub: FakeHub, private, visibility) -> None:
    small_classifier().push_to_hub("ada/films", private=private)
    assert hub.asked[0] == f"create ada/films {visibility}"


def test_a_private_repository_needs_a_token(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_classifier()
    model.push_to_hub("films", private=True)  # a bare name is one's own
    assert same_answers(peephole.load("ada/films"), model)
    with pytest.raises(ModelError) as caught:
        Classifier.from_pretrained("ada/films", token=False, force_download=True)
    assert str(caught.value) == (
        f"ada/films: no such model folder here, and no such model on the Hugging Face Hub ({hub.url})\n"
        "hint: check the name; for a private one, hf auth login first"
    )
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(
        ModelError,
        match=r"push_to_hub: ada/more: .* knows of no right to do this: status 401\nhint: hf auth login",
    ):
        model.push_to_hub("ada/more")


def test_a_gated_repository_says_where_to_ask(hub: FakeHub, files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    hub.put("ada/gated", files, gated=True)
    with pytest.raises(ModelError, match=f"hint: ask at {hub.url}/ada/gated, then hf auth login"):
        peephole.load("ada/gated")


def test_a_missing_revision(hub: FakeHub, files) -> None:
    hub.put("ada/films", files)
    with pytest.raises(ModelError, match=f"^ada/films@v9: {hub.url}/ada/films has no revision 'v9'\nhint: "):
        peephole.load("ada/films@v9")


def test_a_folder_here_wins(hub: FakeHub, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("ada/films", files)
    monkeypatch.chdir(tmp_path)
    mine = small_classifier(labels=["x", "y"])
    mine.save("ada/films")
    assert peephole.load("ada/films").labels == Classifier.from_pretrained("ada/films").labels == ("x", "y")
    assert hub.asked == []
    assert peephole.load("hf:ada/films").labels == ("bad", "good", "odd")
    with pytest.raises(
        OptionError, match=r"from_pretrained: a revision is for a model of the Hub.*'v1' for ada/films"
    ):
        Classifier.from_pretrained("ada/films", revision="v1")


def test_what_is_cached_is_fetched_once(hub: FakeHub, files, cache: Path, tmp_path: Path) -> None:
    hub.put("ada/films", files)
    peephole.load("ada/films")
    assert hub.fetched() == ["config.json", "tokenizer.json", "model.safetensors", "README.md"]
    hub.asked.clear()
    peephole.load("ada/films")
    assert hub.asked == ["info ada/films main"]
    Classifier.from_pretrained("ada/films", force_download=True)
    assert set(hub.fetched()) == FILES
    hub.asked.clear()
    Classifier.from_pretrained("ada/films", cache_dir=tmp_path / "elsewhere")
    assert set(hub.fetched()) == FILES
    assert {folder.name for folder in (cache, tmp_path / "elsewhere") if (folder / "models--ada--films").is_dir()} == {
        "hub", "elsewhere",
    }  # fmt: skip


def test_the_card_of_the_repository_can_stay(hub: FakeHub) -> None:
    small_classifier().push_to_hub("ada/films", keep_card=True)
    assert (
        b"# ada/films"
        in hub.repositories["ada/films"].commits[hub.repositories["ada/films"].refs["main"]]["README.md"]
    )
    hub.put("ada/films", {"README.md": b"# By hand\n"})
    done = small_classifier(seed=1).push_to_hub("ada/films", keep_card=True)
    assert hub.repositories["ada/films"].commits[done.commit]["README.md"] == b"# By hand\n"
    done = small_classifier(seed=1).push_to_hub("ada/films")
    assert b"# ada/films" in hub.repositories["ada/films"].commits[done.commit]["README.md"]


def test_a_card_that_stays_stays_on_a_branch_that_is_made_for_it(hub: FakeHub) -> None:
    hub.put("ada/films", {"README.md": b"# By hand\n"})
    done = small_classifier().push_to_hub("ada/films", revision="next", keep_card=True)
    assert hub.repositories["ada/films"].commits[done.commit]["README.md"] == b"# By hand\n"


def test_what_is_said_of_a_model_goes_with_it(hub: FakeHub, tmp_path: Path) -> None:
    model = small_classifier()
    folder = model.save_pretrained(
        tmp_path / "films", license="mit", language="en", datasets=["ada/reviews"], tags="films",
        push_to_hub=True, repo_id="ada/films", private=True,
    )  # fmt: skip
    assert folder == tmp_path / "films"
    for found in (peephole.load(folder), peephole.load("ada/films")):
        assert same_answers(found, model)
        assert found.config.data == {
            "model_license": "mit", "language": ["en"], "datasets": ["ada/reviews"], "tags": ["films"],
        }  # fmt: skip
    assert json.loads((folder / "config.json").read_bytes())["data"]["model_license"] == "mit"
    with pytest.raises(
        OptionError, match=r"save_pretrained: private is for push_to_hub=True; got push_to_hub=False"
    ):
        model.save_pretrained(tmp_path / "other", private=True)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "../x", "ada/films@v1", "ada films", "-x/y", "a/b..c", "a/b-", "a/b.git"]
)
def test_what_is_no_repository_is_refused_before_anything_is_sent(hub: FakeHub, name: str) -> None:
    with pytest.raises(OptionError, match="push_to_hub: a repository must be OWNER/NAME, or NAME"):
        small_classifier().push_to_hub(name)
    assert hub.asked == []


def test_other_mistakes_of_a_push(hub: FakeHub) -> None:
    model = small_classifier()
    with pytest.raises(OptionError, match="push_to_hub: a revision must be a branch"):
        model.push_to_hub("ada/films", revision="../main")
    with pytest.raises(OptionError, match="a commit's message must not be empty"):
        model.push_to_hub("ada/films", commit_message=" ")
    with pytest.raises(OptionError, match="storage"):
        model.push_to_hub("ada/films", storage="int4")
    assert hub.asked == []
    hub.status = 503
    with pytest.raises(
        ModelError,
        match=r"push_to_hub: ada/films: the Hugging Face Hub was not reached: .*503.*\nhint: try again$",
    ):
        model.push_to_hub("ada/films")
    hub.status = 400
    with pytest.raises(ModelError, match=r"push_to_hub: ada/films: .* refused, with status 400: "):
        model.push_to_hub("ada/films")
