"""What counting words reaches: the baselines beside every accuracy of ours.

    python benchmarks/bag_of_words.py imdb_train.csv.gz --group-column movie
    python benchmarks/bag_of_words.py --sample

Two classifiers on unigrams and bigrams, with the same development part as ``peephole train`` (by group, by a split column or
stratified) and training texts that repeat a development text left out:

- TF-IDF (sublinear counts) and logistic regression, C = 10;
- NB-SVM (Wang & Manning, ACL 2012): binary counts times the log ratio of naive Bayes (alpha = 1), a linear SVM
  with C = 1, its weights interpolated with their mean size (beta = 0.25); more than two classes one against the rest.

Texts are normalised as for finding repeats (markup, case, C1 controls, apostrophes); tokens keep contractions and punctuation;
n-grams of a single training text are left out. The settings are the same for all data and are not searched; on IMDB,
other token patterns, cut-offs (2 or 3 texts) and a logistic regression stopped early moved the scores by half a
point and less. ``--sample`` takes the built-in synthetic sample, its training and its test
part, with unigrams alone beside.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

import peephole
from peephole.evaluation import accuracy_interval
from peephole.reading import (
    Record,
    SplitRule,
    drop_repeats,
    normalise_for_matching,
    read,
    split_development,
)
from peephole.reading.sample import sample_reviews
from peephole.studies.bench.machine import command_line

TOKEN = r"[\w']+|[^\w\s]"
SETTINGS: dict[str, Any] = {
    "tokens": TOKEN,
    "min_df": 2,  # texts that hold an n-gram
    "normalised": "as for finding repeats: markup, case, C1 controls, apostrophes, white space",
    "tf-idf + logistic regression": {"sublinear_tf": True, "C": 10.0, "tol": 1e-6, "max_iter": 1000},
    "nb-svm": {"binary": True, "alpha": 1.0, "C": 1.0, "beta": 0.25, "loss": "squared hinge", "seed": 0},
}
# What is fitted gives a function from texts to indices of labels, and its number of features.
Fitted = tuple[Callable[[Sequence[str]], NDArray[np.intp]], int]


def fit_tfidf(texts: Sequence[str], labels: NDArray[np.intp], longest: int) -> Fitted:
    """TF-IDF and logistic regression on n-grams of 1 to `longest` tokens."""
    chosen = SETTINGS["tf-idf + logistic regression"]
    counter = TfidfVectorizer(
        preprocessor=normalise_for_matching,
        token_pattern=TOKEN,
        ngram_range=(1, longest),
        min_df=SETTINGS["min_df"],
        sublinear_tf=chosen["sublinear_tf"],
    )
    rows = counter.fit_transform(texts)
    model = LogisticRegression(C=chosen["C"], tol=chosen["tol"], max_iter=chosen["max_iter"]).fit(
        rows, labels
    )
    return lambda unseen: model.predict(counter.transform(unseen)), rows.shape[1]


def fit_nbsvm(texts: Sequence[str], labels: NDArray[np.intp], longest: int) -> Fitted:
    """NB-SVM on n-grams of 1 to `longest` tokens.

    Source: S. Wang, C. Manning, Baselines and bigrams, ACL 2012, section 2. For one class against the rest, with
    binary counts f, p = alpha + the sum of f in the class and q = alpha + the sum outside it, r = log((p / |p|_1) /
    (q / |q|_1)); the SVM with weights w is trained on f * r and judges by (1 - beta) mean|w| + beta w.
    """
    chosen = SETTINGS["nb-svm"]
    counter = CountVectorizer(
        preprocessor=normalise_for_matching,
        token_pattern=TOKEN,
        ngram_range=(1, longest),
        min_df=SETTINGS["min_df"],
        binary=True,
    )
    rows = counter.fit_transform(texts).astype(np.float64)
    classes = int(labels.max()) + 1
    weights, offsets = [], []
    for wanted in [1] if classes == 2 else range(classes):
        inside = labels == wanted
        p = chosen["alpha"] + np.asarray(rows[inside].sum(0)).ravel()
        q = chosen["alpha"] + np.asarray(rows[~inside].sum(0)).ravel()
        ratio = np.log((p / p.sum()) / (q / q.sum()))
        model = LinearSVC(
            C=chosen["C"], loss="squared_hinge", dual=True, max_iter=10_000, random_state=chosen["seed"]
        )
        model.fit(rows @ sparse.diags_array(ratio), inside)
        w = model.coef_[0]
        weights.append(ratio * ((1 - chosen["beta"]) * np.abs(w).mean() + chosen["beta"] * w))
        offsets.append(model.intercept_[0])

    def predict(unseen: Sequence[str]) -> NDArray[np.intp]:
        scores = counter.transform(unseen) @ np.stack(weights, 1) + np.array(offsets)
        return (scores[:, 0] > 0).astype(np.intp) if classes == 2 else scores.argmax(1)

    return predict, rows.shape[1]


def compare(
    train: Sequence[Record], dev: Sequence[Record], longest: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Fit every classifier on `train` and judge it on `dev`."""
    names = sorted({str(record.label) for record in train})
    texts, unseen = [record.text for record in train], [record.text for record in dev]
    labels, truth = (np.array([names.index(str(record.label)) for record in part]) for part in (train, dev))
    for method, fit in (("tf-idf + logistic regression", fit_tfidf), ("nb-svm", fit_nbsvm)):
        for n in longest:
            start = time.perf_counter()
            predict, features = fit(texts, labels, n)
            predicted = predict(unseen)
            minutes = (time.perf_counter() - start) / 60
            correct = int((predicted == truth).sum())
            yield {
                "method": method,
                "n-grams": f"1-{n}" if n > 1 else "1",
                "accuracy": correct / len(dev),
                "interval": list(accuracy_interval(correct, len(dev))),
                "macro_f1": float(f1_score(truth, predicted, average="macro")),
                "minutes": round(minutes, 3),
                "features": features,
            }


def divide(arguments: argparse.Namespace) -> tuple[list[Record], list[Record], dict[str, Any]]:
    """Read the data and return the training part, the development part and how they were divided."""
    if arguments.sample:
        sizes = {"train": 6000, "test": 2000}
        train, dev = (sample_reviews(part, n, arguments.seed) for part, n in sizes.items())
        return (
            train,
            dev,
            {"data": "built-in synthetic sample", "split": {"kind": "parts", "seed": arguments.seed}},
        )
    records = list(
        read(
            arguments.data,
            text_column=arguments.text_column,
            label_column=arguments.label_column,
            group_column=arguments.group_column,
            split_column=arguments.split_column,
            labels="required",
        )
    )
    facts: dict[str, Any] = {"data": Path(arguments.data).name}
    if arguments.split_column is not None:
        held_out = np.array([record.fields[arguments.split_column] == "dev" for record in records])
        facts["split"] = {"kind": "column", "column": arguments.split_column, "development": "dev"}
    else:
        rule = SplitRule("stratified" if arguments.group_column is None else "group", arguments.group_column)
        held_out = split_development(records, rule)
        facts["split"] = rule.to_json()
    dev = [record for record, held in zip(records, held_out, strict=True) if held]
    train, dropped = drop_repeats(
        [record for record, held in zip(records, held_out, strict=True) if not held], dev
    )
    return train, dev, {**facts, "repeats_dropped": dropped}


def machine() -> dict[str, Any]:
    """Name the processor and its cores."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        named = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().split("\n")
            if line.startswith("model name")
        ]
        cpu = next(iter(named), cpu)
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="a labelled file, in any format that peephole reads")
    parser.add_argument("--sample", action="store_true", help="take the built-in synthetic sample instead")
    parser.add_argument("--seed", type=int, default=0, help="of the sample; 0 by default")
    parser.add_argument("--text-column")
    parser.add_argument("--label-column")
    parser.add_argument("--group-column", help="keep the rows of one group on the same side")
    parser.add_argument("--split-column", help="rows with 'dev' in this column are the development part")
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    arguments = parser.parse_args()
    if (arguments.data is None) != arguments.sample:
        parser.error("give either a file or --sample")
    train, dev, facts = divide(arguments)
    labels = sorted({str(record.label) for record in train})
    facts |= {"train": len(train), "development": len(dev), "labels": labels}
    print(
        f"{facts['data']}: {len(train):,} training texts, {len(dev):,} development texts, {len(labels)} classes"
    )
    results = []
    for row in compare(train, dev, (1, 2) if arguments.sample else (2,)):
        results.append(row)
        low, high = row["interval"]
        print(
            f"{row['method']:28s} {row['n-grams']:>3s}-grams  accuracy {row['accuracy']:6.2%} ({low:.2%} to {high:.2%})  "
            f"macro-F1 {row['macro_f1']:.4f}  {row['minutes']:5.2f} min  {row['features']:,} features",
            flush=True,
        )
    if arguments.json:
        report = {
            "command": command_line("benchmarks/bag_of_words.py"),
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            "machine": machine(),
            "versions": {
                "python": platform.python_version(),
                "peephole": peephole.__version__,
                "numpy": np.__version__,
                "scipy": scipy.__version__,
                "scikit-learn": sklearn.__version__,
            },
            "settings": SETTINGS,
            **facts,
            "results": results,
        }
        arguments.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
