"""The texts of `recipes.py`: the development part whole, and a share of the training part, in files of their own."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peephole.reading import Record, SplitRule, drop_repeats, normalise_for_matching, read, split_development
from peephole.training.recipe import Recipe
from peephole.training.sizes import CorpusSize, resolve_sizes

PARTS = ("training", "development", "unlabelled")


@dataclass(frozen=True)
class Texts:
    """What every run trains on and is judged on.

    Args:
        folder: has a file for each part, PART.jsonl.
        development: texts of the development part.
        labels: names of the classes.
        truth: the class of each development text `[N]`, by its place in `labels`.
        sizes: the settings that go by the size of the corpus, as the labelled texts give them.
        facts: how the texts were chosen, as JSON; `sha256` is that of each file.
    """

    folder: Path
    development: list[str]
    labels: tuple[str, ...]
    truth: NDArray[np.intp]
    sizes: dict[str, int | None]
    facts: dict[str, Any]

    def file(self, part: str) -> Path:
        """Return the file of a part."""
        return self.folder / f"{part}.jsonl"


def prepare(
    data: Path, unlabelled: Path | None, share: float, columns: dict[str, str | None], folder: Path
) -> Texts:
    """Divide the texts as ``peephole train`` does, keep a share of the training part, and write all to `folder`.

    Args:
        data: labelled texts.
        unlabelled: texts without labels, or None. As many are kept as labelled ones.
        share: of the training texts, in (0, 1]; whole groups, chosen by their hash.
        columns: ``text_column``, ``label_column`` and ``group_column``, as `peephole.reading.read` takes them.
        folder: where the parts are written.
    """
    records = list(read(data, labels="required", **columns))
    group = columns["group_column"]
    rule = SplitRule("stratified" if group is None else "group", group)
    held_out = split_development(records, rule)
    development = [record for record, held in zip(records, held_out, strict=True) if held]
    training, _ = drop_repeats(
        [r for r, held in zip(records, held_out, strict=True) if not held], development
    )
    kept = whole_groups(training, round(share * len(training)), "labelled")
    more = [] if unlabelled is None else clear_texts(unlabelled, development, columns)
    parts = dict(zip(PARTS, (kept, development, whole_groups(more, len(kept), "unlabelled")), strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    for part, chosen in parts.items():
        write(folder / f"{part}.jsonl", chosen)
    words = sum(len(record.text.split()) for record in kept)
    recipe = resolve_sizes(Recipe(), CorpusSize(len(kept), words))
    facts = {
        "data": data.name,
        "unlabelled_data": None if unlabelled is None else unlabelled.name,
        "share": share,
        "split": rule.to_json(),
        "texts": {part: len(chosen) for part, chosen in parts.items()},
        "groups": {part: len({record.group for record in chosen}) for part, chosen in parts.items()},
        "words": words,
        "sha256": {
            part: hashlib.sha256((folder / f"{part}.jsonl").read_bytes()).hexdigest() for part in PARTS
        },
    }
    labels = tuple(sorted({str(record.label) for record in records}))
    return Texts(
        folder,
        [record.text for record in development],
        labels,
        np.array([labels.index(str(record.label)) for record in development]),
        {name: getattr(recipe, name) for name in ("vocabulary", "batch_rows", "batch_tokens")},
        facts,
    )


def clear_texts(source: Path, development: Sequence[Record], columns: dict[str, str | None]) -> list[Record]:
    """Return the texts of an unlabelled source that have nothing to do with the development part."""
    names = {name: columns[name] for name in ("text_column", "group_column")}
    held_out = {record.group for record in development if record.group is not None}
    found = read(source, labels="absent", group_optional=True, **names)
    clear, _ = drop_repeats([record for record in found if record.group not in held_out], development)
    return clear


def whole_groups(records: Sequence[Record], wanted: int, salt: str) -> list[Record]:
    """Return the records of whole groups, in their order, until there are `wanted` of them at least.

    Groups are taken in the order of a hash of their names, so that a smaller share is part of a larger one; a record
    without a group is one by itself.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        name = normalise_for_matching(record.text) if record.group is None else record.group
        groups[hashlib.sha1(f"{salt}:{name}".encode("utf-8", "surrogatepass")).hexdigest()].append(place)
    chosen: list[int] = []
    for digest in sorted(groups):
        if len(chosen) >= wanted:
            break
        chosen += groups[digest]
    return [records[place] for place in sorted(chosen)]


def write(path: Path, records: Sequence[Record]) -> None:
    """Write texts, and their labels where they have one, as JSON lines."""
    lines = [
        json.dumps({"text": record.text} | ({} if record.label is None else {"label": record.label}))
        for record in records
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
