"""One model, trained by `TextClassifier`: saved, loaded without torch, served over HTTP, and exported to ONNX and scored there.

Every way runs in a process of its own, as it would be used, and gives the probabilities that the estimator gave.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from peephole.reading import read
from peephole.sklearn import TextClassifier
from support.processes import process
from support.small_estimators import labelled

pytest.importorskip("onnx", reason="needs the onnx package")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

pytestmark = pytest.mark.slow

# float32, summed in other orders, softmax at the end: what every way out of the project promises.
PROMISED = 1e-5

# Ends with an error if torch, or Peephole where it has no business, is as much as imported.
WITHOUT = "import sys\nfor name in {absent!r}: sys.modules[name] = None\n"

WITHOUT_TORCH = """
import json, sys
import peephole
classifier = peephole.load(sys.argv[1])
texts = json.loads(sys.stdin.read())
print(json.dumps([dict(zip(classifier.labels, map(float, row))) for row in classifier.predict_proba(texts)]))
"""

WITHOUT_PEEPHOLE = """
import json, sys
from pathlib import Path
import numpy as np, onnxruntime, tokenizers
folder = Path(sys.argv[1])
session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
labels = json.loads((folder / "model.json").read_text(encoding="utf-8"))["id2label"]
ids = [tokenizer.encode(text).ids for text in json.loads(sys.stdin.read())]
lengths = np.array([len(each) for each in ids])
batch = np.zeros((len(ids), lengths.max()), np.int64)
for row, each in zip(batch, ids):
    row[: len(each)] = each
found = session.run(None, {"ids": batch, "lengths": lengths})[0]
print(json.dumps([{labels[str(k)]: float(value) for k, value in enumerate(row)} for row in found]))
"""

Row = dict[str, float]


@functools.cache
def labelled_texts() -> tuple[list[str], list[str]]:
    """Every fiftieth review of the corpus, which is sorted by label; texts that a single word decides where it is not at hand."""
    path = Path(os.environ.get("PEEPHOLE_DATA", "")) / "imdb_train.csv.gz"
    if not path.is_file():
        return labelled(500)
    records = list(itertools.islice(read(path), 0, None, 50))
    return [record.text for record in records], [str(record.label) for record in records]


def program(code: str, folder: Path, texts: list[str], absent: tuple[str, ...]) -> list[Row]:
    """Run a program that has not the packages `absent`; it reads texts and prints a row of probabilities for each."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent) + code, folder],
        input=json.dumps(texts),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("cell", ["lstm", "peephole-lstm", "gru"])
def test_every_way_gives_the_same_probabilities(cell: str, tmp_path: Path) -> None:
    learnt, labels = labelled_texts()
    fitted = TextClassifier(
        cell=cell, embedding=32, hidden_size=48, layers=2, head=16, epochs=3, max_length=60, head_tokens=30,
        learning_rate=0.005, label_smoothing=0.0, adversarial=0.0, random_state=0,
    )  # fmt: skip
    fitted.fit(learnt, labels)
    texts = [*learnt[::8], "", "Ärger & 怒り 🙂", "<br />not<br />bad"]
    expected = fitted.predict_proba(texts)
    assert expected.max(axis=1).std() > 0.01, "a model that says the same of every text proves nothing"
    folder = fitted.classifier_.save(tmp_path / "model")

    found = {"loaded without torch": program(WITHOUT_TORCH, folder, texts, ("torch", "sklearn"))}

    with process(folder) as server, server.client() as client:
        answer = client.post(
            "/predict", json={"inputs": texts, "parameters": {"top_k": len(fitted.classes_)}}
        )
        assert answer.status_code == 200, answer.text
        found["over HTTP"] = [{each["label"]: each["score"] for each in row} for row in answer.json()]

    graph = tmp_path / "graph"
    export = [sys.executable, "-m", "peephole", "export", str(folder), "--to", "onnx", "--output", str(graph)]
    assert subprocess.run(export, capture_output=True, check=False).returncode == 0
    found["in ONNX Runtime"] = program(WITHOUT_PEEPHOLE, graph, texts, ("torch", "peephole"))

    for way, rows in found.items():
        assert len(rows) == len(texts), way
        values = np.array([[row[str(label)] for label in fitted.classes_] for row in rows])
        assert np.abs(values - expected).max() < PROMISED, way
