"""Hugging Face data sets by name: without a network, the library's loader is put in place of the Hub."""

from __future__ import annotations

import sys

import pytest

from peephole.errors import MissingExtra, OptionError
from peephole.reading import read
from peephole.reading.hub import HubName, parse_hub_name

datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")


@pytest.fixture
def hub(monkeypatch):
    """Put a data set, or an error, in place of what `load_dataset` would fetch; returns what it was asked for."""
    asked: list[tuple[object, ...]] = []

    def put(result):
        def load_dataset(name, config, *, split):
            asked.append((name, config, split))
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return asked

    return put


REVIEWS = datasets.Dataset.from_dict(
    {
        "text": ["Great.", "Dull.", "?"],
        "label": [1, 0, -1],
        "stars": [5, 1, 3],
        "picture": [b"x", b"y", b"z"],
    },
    features=datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "stars": datasets.Value("int32"),
            "picture": datasets.Value("binary"),
        }
    ),
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hf:imdb", HubName("imdb", None, "train")),
        ("hf:stanfordnlp/imdb", HubName("stanfordnlp/imdb", None, "train")),
        ("hf:stanfordnlp/imdb:test", HubName("stanfordnlp/imdb", None, "test")),
        ("hf:nyu-mll/glue/sst2:validation", HubName("nyu-mll/glue", "sst2", "validation")),
        ("hf:a/b:train[:10%]", HubName("a/b", None, "train[:10%]")),
    ],
)
def test_names_are_taken_apart(source, expected):
    assert parse_hub_name(source) == expected


@pytest.mark.parametrize("source", ["hf:", "hf:a b", "hf:a/b/c/d", "hf:a:", "hf:../../etc/passwd", "hf:/a"])
def test_what_is_no_name_is_refused_at_once(source):
    with pytest.raises(OptionError, match=r"must be written hf:OWNER/NAME\[/CONFIG\]\[:SPLIT\]; got 'hf:"):
        read(source)


def test_rows_have_class_names_and_further_columns(hub):
    asked = hub(REVIEWS)
    records = list(read("hf:stanfordnlp/imdb:test", columns=["stars"]))
    assert asked == [("stanfordnlp/imdb", None, "test")]
    assert [(record.text, record.label) for record in records] == [
        ("Great.", "pos"),
        ("Dull.", "neg"),
        ("?", None),
    ]
    assert records[1].fields == {"stars": "1"}
    assert records[1].place == "hf:stanfordnlp/imdb:test, row 2"


def test_rows_are_chosen_and_checked_as_in_any_table(hub, refusal):
    hub(REVIEWS)
    assert [record.text for record in read("hf:a/b", where={"stars": "5"})] == ["Great."]
    assert "  hf:a/b, row 3: no label" in refusal("hf:a/b", labels="required")
    assert "no column 'body' (text_column)" in refusal("hf:a/b", text_column="body")
    assert "the text must be a string; got the number 5" in refusal("hf:a/b", text_column="stars")


def test_columns_that_are_not_needed_are_not_decoded(hub):
    decoded: set[str] = set()

    def spy(batch):
        decoded.update(batch)
        return batch

    hub(REVIEWS.with_transform(spy))
    assert len(list(read("hf:a/b", labels="absent"))) == 3
    assert decoded == {"text"}


def test_a_data_set_without_rows(hub, refusal):
    hub(REVIEWS.select([]))
    assert "  hf:a/b: no rows, only the columns 'text', 'label', 'stars', 'picture'" in refusal("hf:a/b")


def instead(call, source):
    return (
        "hint: without a network, fetch it where there is one and give the file: "
        f"datasets.{call}.to_csv('reviews.csv'), then reviews.csv in place of {source}"
    )


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach 'a/b' on the Hub (LocalEntryNotFoundError)"),
        datasets.exceptions.DatasetNotFoundError(
            "Dataset 'a/b' doesn't exist on the Hub or cannot be accessed."
        ),
        ValueError("Unknown split \"dev\". Should be one of ['train', 'test'].\nMore lines."),
        RuntimeError("Dataset scripts are no longer supported, but found b.py"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_data_set_that_cannot_be_loaded_says_what_to_do_instead(hub, refusal, error):
    hub(error)
    assert refusal("hf:a/b") == (
        "hf:a/b: 1 problem (1 unreachable data set)\n"
        f"  hf:a/b: the data set cannot be loaded: {str(error).splitlines()[0]}\n"
        + instead("load_dataset('a/b', split='train')", "hf:a/b")
    )


def test_the_way_out_names_the_configuration_and_the_split_that_were_asked_for(hub, refusal):
    hub(ConnectionError("no network"))
    source = "hf:nyu-mll/glue/sst2:validation"
    assert refusal(source).endswith(
        "\n" + instead("load_dataset('nyu-mll/glue', 'sst2', split='validation')", source)
    )


def test_offline_with_the_real_loader(monkeypatch, refusal):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = "hf:nobody-at-all/no-such-data-set"
    message = refusal(source)
    assert f"  {source}: the data set cannot be loaded: " in message
    assert message.endswith(instead("load_dataset('nobody-at-all/no-such-data-set', split='train')", source))


def test_a_format_does_not_apply():
    with pytest.raises(OptionError, match="format must be None for hf:a/b; got 'csv'"):
        read("hf:a/b", format="csv")


def test_without_datasets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtra, match="reading Hugging Face data sets needs the package 'datasets'"
    ) as caught:
        list(read("hf:a/b"))
    assert caught.value.hint == 'pip install "peephole[hub]"'
