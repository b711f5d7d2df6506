"""From sources to token ids: read, hold out, drop repeats, learn the tokens from the training part, encode."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peephole.classifier.tokenizer import Tokenizer
from peephole.errors import DataError
from peephole.reading import Record, SplitRule, drop_repeats, read, split_development
from peephole.reading.labels import is_number
from peephole.training.checkpoint import checkpoint_folder
from peephole.training.corpus import Corpus
from peephole.training.inherited import adopt_tokens, inherited_vectors
from peephole.training.machine import Machine
from peephole.training.progress import Progress
from peephole.training.recipe import Recipe
from peephole.training.request import TrainRequest
from peephole.training.sizes import CorpusSize, resolve_sizes
from peephole.training.teachers import ask_teachers, load_teachers
from peephole.training.text_weights import weights_of, without_weightless
from peephole.training.unlabelled import describe_unlabelled, read_unlabelled

TRAIN_NAMES = ("train", "training")
DEVELOPMENT_NAMES = ("dev", "development", "valid", "validation", "val")
TEST_NAMES = ("test", "testing")


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The texts of a run, in two parts that share none.

    Args:
        train, development: the records of each part, in the order of the sources; each has a label.
        labels: names of the classes, in the order of their indices.
        facts: what was read, left out and dropped, as JSON.
        unlabelled: texts to train on without a label.
        weights: how much each text that training sees counts `[seen]`, float32; None where all count alike.
    """

    train: list[Record]
    development: list[Record]
    labels: tuple[str, ...]
    facts: dict[str, Any]
    unlabelled: list[Record]
    weights: NDArray[np.float32] | None = None

    @property
    def seen(self) -> list[Record]:
        """The records that training sees: the labelled ones, then the unlabelled ones."""
        return [*self.train, *self.unlabelled]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that the loop trains on.

    Args:
        recipe: the recipe with the sizes filled in.
        tokenizer: learnt from the training part.
        labels: names of the classes, in the order of their indices.
        train: the training texts, labelled and unlabelled, the long ones cut in the middle; with teachers' targets.
        whole: the training texts, uncut.
        development: the development texts, uncut.
        facts: what was read, held out, dropped and cut, as JSON.
        digest: SHA-256 of the texts, labels and parts.
        vectors: of the first teacher's tokens `[V, E]`, to start from; or None.
    """

    recipe: Recipe
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    train: Corpus
    whole: Corpus
    development: Corpus
    facts: dict[str, Any]
    digest: str
    vectors: NDArray[np.float32] | None = None


def prepare(
    request: TrainRequest,
    progress: Progress,
    machine: Machine,
    tokenizer: Tokenizer | None = None,
    parts: Parts | None = None,
) -> Prepared:
    """Read and encode the texts of a run.

    Args:
        request: what to train on.
        progress: hears what was read, held out, dropped and cut.
        machine: with several processes, the main one reads the texts and learns the tokens for all.
        tokenizer: the one of an earlier session; None learns it from the training part.
        parts: the texts, if they have been read already.

    Raises:
        DataError: the texts cannot be used; every problem is listed.
    """
    if parts is None:
        parts = machine.by_main(lambda: read_parts(request))
    facts, recipe = dict(parts.facts), request.recipe
    progress.note(_describe(facts))
    teachers = load_teachers(request.teachers, parts.labels)
    heir = recipe.embeddings == "teacher"
    if heir:
        recipe, tokenizer = adopt_tokens(recipe, teachers[0]), teachers[0].classifier.tokenizer
    recipe = resolve_sizes(
        recipe, CorpusSize(len(parts.seen), sum(len(record.text.split()) for record in parts.seen))
    )
    if tokenizer is None:
        learnt = learn_tokens(parts.seen, recipe).to_json() if machine.is_main else ""
        tokenizer = Tokenizer.from_json(machine.from_main(learnt))
    whole = dataclasses.replace(encode(parts.seen, tokenizer, parts.labels), weights=parts.weights)
    development = encode(parts.development, tokenizer, parts.labels)
    cut = int((whole.lengths > recipe.max_length).sum())
    facts |= {
        "vocabulary": tokenizer.vocabulary_size,
        "training_tokens": len(whole.ids),
        "cut_in_training": cut,
    }
    progress.note(f"{tokenizer.vocabulary_size:,} tokens known; {len(whole.ids):,} tokens of training text")
    if cut:
        tail = recipe.max_length - recipe.head_tokens
        progress.note(
            f"{cut:,} training texts have more than {recipe.max_length} tokens: training sees the first "
            f"{recipe.head_tokens} and the last {tail} of each; prediction reads whole texts"
        )
    train, digest = whole.cropped(recipe.max_length, recipe.head_tokens), digest_of(parts)
    sure = len(parts.train) if recipe.taught == "unlabelled" else 0
    texts, folder = [record.text for record in parts.seen[sure:]], checkpoint_folder(request.output)
    targets = ask_teachers(teachers, texts, digest, folder, progress, machine)
    if targets is not None:
        known = np.eye(len(parts.labels), dtype=np.float32)[train.labels[:sure]]
        targets = np.concatenate([known, targets])
    train = dataclasses.replace(train, targets=targets)
    vectors = inherited_vectors(teachers[0].classifier, recipe.embedding) if heir else None
    return Prepared(recipe, tokenizer, parts.labels, train, whole, development, facts, digest, vectors)


def learn_tokens(records: Sequence[Record], recipe: Recipe) -> Tokenizer:
    """Return a tokenizer learnt from the texts."""
    assert recipe.vocabulary is not None, "resolve_sizes fills it in"
    return Tokenizer.train(
        (record.text for record in records),
        kind="word" if recipe.tokenizer == "word" else "bpe",
        vocabulary=recipe.vocabulary,
        lowercase=recipe.lowercase,
    )


def read_parts(request: TrainRequest) -> Parts:
    """Read the sources and divide them; a training text that repeats a development text is dropped.

    Raises:
        DataError: the texts cannot be used; every problem is listed.
    """
    options: dict[str, Any] = {
        "text_column": request.text_column,
        "label_column": request.label_column,
        "where": request.where,
        "format": request.format,
        "labels": "required",
        "skip_bad": request.skip_bad,
    }
    weights = request.weight_column
    found, skipped = list(request.records), dict[str, int]()
    if request.sources:
        stream = read(
            request.sources,
            group_column=request.group_column,
            split_column=request.split_column,
            columns=() if weights is None else (weights,),
            **options,
        )
        found, skipped = list(stream), dict(stream.skipped.reasons)
    records = without_weightless(found, weights)
    facts: dict[str, Any] = {"read": len(found), "skipped": skipped, "test_left_out": 0}
    if weights is not None:
        facts["without_weight"] = len(found) - len(records)
    if request.dev_sources:
        labels = _label_order({str(record.label) for record in records})
        more = read(request.dev_sources, known_labels=labels, **options)
        train, development = records, list(more)
        facts["development_skipped"] = dict(more.skipped.reasons)
        facts["split"] = {"kind": "source"}
    elif request.split_column is not None:
        train, development, left_out = _by_column(records, request.split_column)
        facts["test_left_out"] = left_out
        facts["split"] = {"kind": "column", "column": request.split_column}
    else:
        kind = "stratified" if request.group_column is None else "group"
        rule = SplitRule(kind, request.group_column, request.recipe.development_share)
        held_out = split_development(records, rule)
        train = [record for record, held in zip(records, held_out, strict=True) if not held]
        development = [record for record, held in zip(records, held_out, strict=True) if held]
        facts["split"] = rule.to_json()
    train, dropped = drop_repeats(train, development)
    facts |= {"training": len(train), "development": len(development), "repeats_dropped": dropped}
    labels = _label_order({str(record.label) for record in [*train, *development]})
    counts = [Counter(str(record.label) for record in part) for part in (train, development)]
    _check_classes(labels, counts[0])
    facts["labels"] = {label: [count[label] for count in counts] for label in labels}
    unlabelled, more_facts = read_unlabelled(request, development)
    counting = weights_of(train, weights, len(unlabelled))
    return Parts(train, development, labels, facts | more_facts, unlabelled, counting)


def encode(records: Sequence[Record], tokenizer: Tokenizer, labels: Sequence[str]) -> Corpus:
    """Return the records as token ids and class indices, −1 for a record without a label."""
    index = {label: position for position, label in enumerate(labels)}
    texts = tokenizer.encode_batch([record.text for record in records])
    return Corpus.from_texts(
        texts, [-1 if record.label is None else index[record.label] for record in records]
    )


def digest_of(parts: Parts) -> str:
    """Return the SHA-256 of all texts with their labels, parts and weights, in order."""
    digest = hashlib.sha256()
    every = {"train": parts.train, "development": parts.development, "unlabelled": parts.unlabelled}
    for name, records in every.items():
        for record in records:
            for field in (name, str(record.label), record.text):
                content = field.encode("utf-8", "surrogatepass")
                digest.update(len(content).to_bytes(8, "little") + content)
    if parts.weights is not None:
        digest.update(parts.weights.tobytes())
    return digest.hexdigest()


def _by_column(records: Sequence[Record], column: str) -> tuple[list[Record], list[Record], int]:
    parts: dict[str, list[Record]] = {"train": [], "development": [], "test": []}
    known = {
        **dict.fromkeys(TRAIN_NAMES, "train"),
        **dict.fromkeys(DEVELOPMENT_NAMES, "development"),
        **dict.fromkeys(TEST_NAMES, "test"),
    }
    problems: list[tuple[str, str]] = []
    for record in records:
        value = record.fields[column]
        part = known.get(value.strip().casefold())
        if part is None:
            problems.append(
                (record.place, f"column {column!r} must be one of {', '.join(known)}; got {value!r}")
            )
        else:
            parts[part].append(record)
    if problems:
        raise DataError(
            f"train: {len(problems):,} records belong to no part",
            problems=problems,
            hint="leave --split-column out to hold out a tenth of the texts",
        )
    for name in ("train", "development"):
        if not parts[name]:
            there = ", ".join(f"{len(part):,} {other}" for other, part in parts.items())
            raise DataError(
                f"train: column {column!r} must have {name} records; got {there}",
                hint="leave --split-column out to hold out a tenth of the texts, or give development sources",
            )
    return parts["train"], parts["development"], len(parts["test"])


def _label_order(labels: set[str]) -> tuple[str, ...]:
    """Numbers by their size, names by the alphabet."""
    return tuple(sorted(labels, key=float) if all(map(is_number, labels)) else sorted(labels))


def _check_classes(labels: Sequence[str], train: Counter[str]) -> None:
    missing = [label for label in labels if not train[label]]
    if len(labels) - len(missing) < 2:
        raise DataError(
            f"train: the training part must have at least two classes; got {', '.join(map(repr, train)) or 'none'}"
        )
    if missing:
        raise DataError(
            f"train: every class needs training texts; got none for {', '.join(map(repr, missing))}",
            hint="all texts of it are in the development part, or repeat one there",
        )


def _describe(facts: dict[str, Any]) -> str:
    split = facts["split"]
    how = {
        "group": f"whole groups of {split.get('column')!r}",
        "column": f"by column {split.get('column')!r}",
        "source": "from sources of their own",
        "stratified": "a share of every class",
    }[split["kind"]]
    counts = ", ".join(f"{label}: {train:,} + {dev:,}" for label, (train, dev) in facts["labels"].items())
    lines = [
        f"{facts['training']:,} training and {facts['development']:,} development texts ({how}); {counts}",
        *([f"{facts['repeats_dropped']:,} training texts dropped: they repeat a development text"]
          if facts["repeats_dropped"] else []),
        *([f"{facts['test_left_out']:,} test texts left out"] if facts["test_left_out"] else []),
        *([f"{facts['without_weight']:,} texts of weight 0 left out"] if facts.get("without_weight") else []),
        *([f"{sum(facts['skipped'].values()):,} records skipped: "
           + ", ".join(f"{count:,} {reason}" for reason, count in facts["skipped"].items())]
          if facts["skipped"] else []),
        *describe_unlabelled(facts),
    ]  # fmt: skip
    return "\n".join(lines)
