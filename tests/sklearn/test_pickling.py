"""An estimator's pickle holds its parameters and a model folder, and no code; without torch it answers."""

from __future__ import annotations

import copy
import pickle
import pickletools
import subprocess
import sys

import numpy as np
import pytest

from peephole.errors import ModelError
from peephole.sklearn import RecurrentFeatures, TextClassifier
from support.small_estimators import TINY, labelled

TEXTS, LABELS = labelled()


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return TextClassifier(**{**TINY, "random_state": 0, "class_weight": {"good": 2.0}}).fit(TEXTS, LABELS)


def named_in(data: bytes) -> set[str]:
    """Every module and name that a pickle asks for."""
    found, words = set(), []
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("GLOBAL", "STACK_GLOBAL"):
            found.add(argument or " ".join(words[-2:]))
        if isinstance(argument, str):
            words.append(argument)
    return found


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_names_nothing_but_the_class(fitted, protocol) -> None:
    data = pickle.dumps(fitted, protocol)
    allowed = {"peephole.sklearn.estimator TextClassifier"}
    # Protocol 2 has no bytes: they are text, to be encoded.
    assert named_in(data) <= allowed | ({"_codecs encode"} if protocol < 3 else set())


def test_a_loaded_one_is_the_same(fitted) -> None:
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(other.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
        assert other.get_params() == fitted.get_params()
        assert (other.classes_ == fitted.classes_).all()
        assert other.classes_.dtype == fitted.classes_.dtype
        assert (other.recipe_, other.n_iter_, other.warnings_) == (
            fitted.recipe_,
            fitted.n_iter_,
            fitted.warnings_,
        )
        assert pickle.dumps(other) == pickle.dumps(fitted)


def test_one_that_is_not_fitted_is_pickled_too() -> None:
    model = pickle.loads(pickle.dumps(TextClassifier(hidden_size=3)))
    assert model.hidden_size == 3
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("labels", [[1, 0] * 30, [True, False] * 30, np.array(LABELS, dtype=object)], ids=str)
def test_labels_keep_their_kind(labels) -> None:
    model = TextClassifier(**{**TINY, "epochs": 1, "random_state": 0}).fit(TEXTS, labels)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.predict(TEXTS).dtype == model.predict(TEXTS).dtype
    assert loaded.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()


def broken(state, change) -> dict:
    state = copy.deepcopy(state)
    change(state)
    return state


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(format=2), "must be of format 1; got 2"),
        (lambda s: s.pop("files"), "must be of format 1"),
        (lambda s: s.update(files=[1]), "the files must be a dict"),
        (lambda s: s.update(parameters=None), "the parameters must be a dict"),
        (lambda s: s["files"].pop("config.json"), "must hold the bytes of config.json"),
        (lambda s: s["files"].update({"../evil": b""}), "must hold the bytes of"),
        (lambda s: s["files"].update({"config.json": "text"}), "must hold the bytes of"),
        (lambda s: s["files"].update({"config.json": b"{}"}), "the pickled state/config.json"),
        (
            lambda s: s["files"].update({"model.safetensors": b"\0" * 99}),
            "the pickled state/model.safetensors",
        ),
        (
            lambda s: s["files"].update({"model.safetensors": flip(s["files"]["model.safetensors"], -9)}),
            "was changed since it was written",
        ),
        (lambda s: s["files"].update({"README.md": b"other"}), "was changed since it was written"),
        (lambda s: s["learnt"].update(classes=["good", "worse"]), "was changed since it was written"),
        (lambda s: s.update(learnt=None), "was changed since it was written"),
    ],
)
def test_a_state_that_was_tampered_with_is_refused(fitted, change, words) -> None:
    with pytest.raises(ModelError, match=words):
        TextClassifier.__new__(TextClassifier).__setstate__(broken(fitted.__getstate__(), change))


def test_classes_that_are_not_the_models_are_refused_even_if_signed(fitted) -> None:
    from peephole.sklearn.state import state_of

    for classes in (["good", "worse"], ["good"], [["bad", "good"]], 3):
        learnt = {"classes": classes, "dtype": "<U4", "warnings": []}
        state = state_of({}, fitted.classifier_, learnt)
        with pytest.raises(ModelError, match="the classes"):
            TextClassifier.__new__(TextClassifier).__setstate__(state)


def test_features_carry_their_model(tmp_path, fitted) -> None:
    folder = fitted.classifier_.save(tmp_path / "model")
    features = RecurrentFeatures(model=folder).fit()
    expected = features.transform(TEXTS)
    data = pickle.dumps(features)
    for file in folder.iterdir():
        file.unlink()
    assert np.array_equal(pickle.loads(data).transform(TEXTS), expected)


def test_without_torch_a_pickle_answers(fitted, tmp_path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps((fitted, RecurrentFeatures().fit())))
    program = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'accelerate'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import pickle, pathlib, warnings; warnings.simplefilter('error')\n"
        "model, features = pickle.loads(pathlib.Path('model.pkl').read_bytes())\n"
        "print(model.predict(['the film was dull'])[0], features.transform(['a']).shape)\n"
        "from peephole.errors import MissingExtra\n"
        "try: model.fit(['a b', 'b c', 'c d'], ['good', 'bad', 'good'])\n"
        "except MissingExtra as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{fitted.predict(['the film was dull'])[0]} (1, 1152)\n")
    assert 'pip install "peephole[sklearn]"' in done.stdout
