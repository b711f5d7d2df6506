"""From sources to token ids for a language model: read, hold out, drop repeats, learn the tokens, encode."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

from peephole.classifier.tokenizer import Tokenizer
from peephole.reading import Record, SplitRule, drop_repeats, read, split_development
from peephole.training.corpus import Corpus
from peephole.training.language.recipe import LanguageRecipe
from peephole.training.language.request import PretrainRequest
from peephole.training.machine import Machine
from peephole.training.progress import Progress
from peephole.training.sizes import CorpusSize, vocabulary_for


@dataclass(frozen=True, slots=True, eq=False)
class LanguageTexts:
    """All that a language model is trained on.

    Args:
        recipe: the recipe with the vocabulary filled in.
        tokenizer: learnt from the training part.
        train, held_out: the texts of each part, whole; labels are -1.
        facts: what was read, held out and dropped, as JSON.
        digest: SHA-256 of the texts and parts.
    """

    recipe: LanguageRecipe
    tokenizer: Tokenizer
    train: Corpus
    held_out: Corpus
    facts: dict[str, Any]
    digest: str


def read_texts(
    request: PretrainRequest, progress: Progress, machine: Machine, tokenizer: Tokenizer | None = None
) -> LanguageTexts:
    """Read and encode the texts of a run.

    Args:
        request: what to learn from.
        progress: hears what was read, held out and dropped.
        machine: with several processes, the main one reads the texts and learns the tokens for all.
        tokenizer: the one of an earlier session; None learns it from the training part.

    Raises:
        DataError: the texts cannot be used; every problem is listed.
    """
    recipe = request.recipe
    records, skipped = machine.by_main(lambda: _read(request))
    kind = "stratified" if request.group_column is None else "group"
    rule = SplitRule(kind, request.group_column, recipe.development_share)
    held = split_development(records, rule)
    held_out = [record for record, out in zip(records, held, strict=True) if out]
    train, dropped = drop_repeats(
        (record for record, out in zip(records, held, strict=True) if not out), held_out
    )
    if recipe.vocabulary is None:
        size = CorpusSize(len(train), sum(len(record.text.split()) for record in train))
        recipe = dataclasses.replace(recipe, vocabulary=vocabulary_for(size))
    assert recipe.vocabulary is not None
    if tokenizer is None:
        learnt = ""
        if machine.is_main:
            learnt = Tokenizer.train(
                (record.text for record in train),
                kind="word" if recipe.tokenizer == "word" else "bpe",
                vocabulary=recipe.vocabulary,
                lowercase=recipe.lowercase,
            ).to_json()
        tokenizer = Tokenizer.from_json(machine.from_main(learnt))
    parts = (_encode(train, tokenizer), _encode(held_out, tokenizer))
    facts: dict[str, Any] = {
        "training": len(train),
        "held_out": len(held_out),
        "repeats_dropped": dropped,
        "skipped": skipped,
        "split": rule.to_json(),
        "vocabulary": tokenizer.vocabulary_size,
        "training_tokens": len(parts[0].ids),
        "held_out_tokens": len(parts[1].ids),
    }
    progress.note(
        f"{len(train):,} training and {len(held_out):,} held-out texts, {len(parts[0].ids):,} and "
        f"{len(parts[1].ids):,} tokens; {tokenizer.vocabulary_size:,} tokens known"
    )
    if dropped:
        progress.note(f"{dropped:,} training texts dropped: they repeat a held-out text")
    return LanguageTexts(recipe, tokenizer, parts[0], parts[1], facts, _digest(train, held_out))


def _read(request: PretrainRequest) -> tuple[list[Record], dict[str, int]]:
    """Return the records of the sources, and how many were skipped for which reason."""
    stream = read(
        request.sources,
        text_column=request.text_column,
        group_column=request.group_column,
        where=request.where,
        format=request.format,
        skip_bad=request.skip_bad,
        labels="absent",
    )
    return list(stream), dict(stream.skipped.reasons)


def _encode(records: list[Record], tokenizer: Tokenizer) -> Corpus:
    return Corpus.from_texts(tokenizer.encode_batch([record.text for record in records]), [-1] * len(records))


def _digest(train: list[Record], held_out: list[Record]) -> str:
    digest = hashlib.sha256()
    for name, records in (("train", train), ("held out", held_out)):
        for record in records:
            content = record.text.encode("utf-8", "surrogatepass")
            digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()
