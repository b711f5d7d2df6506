"""Data sets of the library `datasets`: in as texts and as records, out with the answers beside them."""

from __future__ import annotations

import sys

import pytest

from peephole.classifier import Classifier
from peephole.errors import DataError, MissingExtra, OptionError, TextTypeError
from peephole.evaluation import judge, read_labelled
from peephole.reading import read
from support.models import word_counter

datasets = pytest.importorskip("datasets", reason="needs the extra 'hub'")

TEXTS = ["the film was good", "the film was dull", "bad", "great"]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return word_counter()


@pytest.fixture
def films():
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["positive", "negative"]),
        }
    )
    return datasets.Dataset.from_dict(
        {"id": [4, 3, 2, 1], "text": TEXTS, "label": [0, 1, 1, 1]}, features=features
    )


def test_answers_stand_beside_the_columns(model: Classifier, films) -> None:
    found = model.predict_dataset(films, batch_size=3)
    assert found.column_names == ["id", "text", "label", "prediction", "probability"]
    assert found.remove_columns(["prediction", "probability"]).to_dict() == films.to_dict()
    assert found.features["label"] == films.features["label"]
    expected = list(model.predict(TEXTS))
    names = found.features["prediction"].int2str(found["prediction"])
    assert names == [each.label for each in expected] == ["positive", "negative", "negative", "positive"]
    assert found["probability"][:] == [each.probability for each in expected]


def test_every_probability(model: Classifier, films) -> None:
    found = model.predict_dataset(films, all_probabilities=True)["probabilities"][:]
    assert found == [dict(sorted(each.probabilities.items())) for each in model.predict(TEXTS)]


def test_streams_and_dictionaries(model: Classifier, films) -> None:
    whole = model.predict_dataset(films).to_dict()
    stream = model.predict_dataset(films.to_iterable_dataset())
    assert datasets.Dataset.from_list(list(stream)).to_dict() == whole
    unknown = datasets.IterableDataset.from_generator(lambda: ({"review": text} for text in TEXTS))
    assert unknown.features is None
    assert [row["prediction"] for row in model.predict_dataset(unknown)] == whole["prediction"]
    both = model.predict_dataset(datasets.DatasetDict(train=films, test=films.select([2])))
    assert isinstance(both, datasets.DatasetDict)
    assert (both["train"].to_dict(), both["test"]["prediction"][:]) == (whole, [0])
    assert model.predict_dataset(films.select([])).column_names == [
        *films.column_names,
        "prediction",
        "probability",
    ]


def test_mistakes_name_the_column_and_the_row(model: Classifier, films) -> None:
    with pytest.raises(
        DataError,
        match=r"no text column \(one of text, review, sentence, content\); the columns are 'id', 'body'",
    ):
        model.predict_dataset(films.rename_column("text", "body"))
    assert len(model.predict_dataset(films.rename_column("text", "body"), text_column="body")) == 4
    with pytest.raises(DataError, match=r"no column 'txt' \(text_column\) \(did you mean 'text'\?\)"):
        model.predict_dataset(films, text_column="txt")
    with pytest.raises(
        OptionError, match=r"got prediction, probability\nhint: dataset.rename_column\('prediction'"
    ):
        model.predict_dataset(model.predict_dataset(films))
    holes = datasets.Dataset.from_dict({"text": ["good", "bad", None]})
    with pytest.raises(TextTypeError, match="predict_dataset: column 'text', row 3: must be a str; got None"):
        model.predict_dataset(holes, batch_size=2)
    with pytest.raises(OptionError, match="batch_size must be at least 1; got 0"):
        model.predict_dataset(films, batch_size=0)
    with pytest.raises(
        OptionError, match="must be given a Dataset, an IterableDataset or a dictionary of them; got list"
    ):
        model.predict_dataset(TEXTS)


def test_a_data_set_stands_where_texts_do(model: Classifier, films) -> None:
    expected = list(model.predict(TEXTS))
    assert list(model.predict(films)) == list(model.predict(films["text"])) == expected
    assert list(model.predict(films.to_iterable_dataset())) == expected
    assert model.predict_proba(films).tolist() == model.predict_proba(TEXTS).tolist()
    with pytest.raises(DataError, match="predict: the column of the texts is not known"):
        list(model.predict(films.remove_columns("text")))
    with pytest.raises(
        OptionError,
        match=r"one part of a DatasetDict must be given; got all of them: train\nhint: data\['train'\]",
    ):
        list(model.predict(datasets.DatasetDict(train=films)))


def test_rows_are_records(model: Classifier, films) -> None:
    records = list(read(films, columns=["id"]))
    assert [(each.text, each.label, each.fields["id"]) for each in records[:2]] == [
        ("the film was good", "positive", "4"), ("the film was dull", "negative", "3"),
    ]  # fmt: skip
    assert records[1].place == "the data set, row 2"
    assert [each.text for each in read([films, films], where={"id": "4"})] == ["the film was good"] * 2
    assert [each.label for each in read(films.to_iterable_dataset())] == [each.label for each in records]
    with pytest.raises(OptionError, match="format must be None for a data set; got 'csv'"):
        read(films, format="csv")
    with pytest.raises(OptionError, match="one part of a DatasetDict"):
        read(datasets.DatasetDict(train=films))


def test_an_evaluation_of_a_data_set(model: Classifier, films) -> None:
    found = judge(model, read_labelled(model, films)).evaluation
    assert (found.n, found.accuracy) == (4, 0.75)


def test_training_on_a_data_set(tmp_path, films) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    from peephole.training import Recipe, TrainRequest, train
    from peephole.training.progress import Progress

    rows = {
        "text": [f"a {word} film, number {n}" for n in range(20) for word in ("good", "bad")],
        "label": [0, 1] * 20,
    }
    records = tuple(
        read(
            datasets.Dataset.from_dict(
                rows, features=datasets.Features({name: films.features[name] for name in rows})
            )
        )
    )
    recipe = Recipe(embedding=8, hidden_size=8, head=0, epochs=1)
    done = train(TrainRequest(records=records, output=tmp_path / "model", recipe=recipe), progress=Progress())
    assert done.ending == "complete"
    assert set(done.data["labels"]) == {"positive", "negative"}


def test_without_the_library_the_extra_is_named(
    model: Classifier, films, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtra,
        match=r"predicting a data set needs the package 'datasets'.*\nhint: pip install \"peephole\[hub\]\"",
    ):
        model.predict_dataset(films)
