"""Answers of `predict`, `convert`, `export` and `info`."""

from __future__ import annotations

from peephole.cli.completion import EXPORTS, STORAGES
from peephole.cli.schemas.words import (
    Schema,
    count,
    many,
    mapping,
    number,
    or_null,
    record,
    share,
    text,
    word,
    yes_or_no,
)


def prediction() -> Schema:
    """The answer to one text: a line of ``predict --jsonl``."""
    return record(
        {
            "label": text("the most probable label, or neutral with --neutral"),
            "probability": share("of that label"),
            "probabilities": mapping(
                share(), "the most probable labels, as many as --top-k asks for, the first one first"
            ),
            "text": text("the text"),
        }
    )


def predictions() -> Schema:
    """The answers to all texts, in order: ``predict --json``."""
    return many(prediction(), "one for each text, in order")


def scored() -> Schema:
    """``predict --output --json``."""
    return record(
        {
            "output": text("what was written"),
            "rows": count("scored and written, those of earlier sessions included"),
            "tokens": count("read by the model"),
            "labels": mapping(count(), "answer → how many rows have it"),
            "rejected": mapping(count(), "reason → how many rows, or rests of files, could not be scored"),
            "rejects": or_null(text(), "the file that lists them; null: there are none"),
            "broken": many(text(), "files that could not be read to their end"),
            "left_out": count("rows that --where left out"),
            "parts": count("files of the output, or what it was joined from"),
            "earlier_parts": count("of these, made by earlier sessions"),
            "earlier_rows": count("rows in them"),
            "columns": many(text(), "of the output"),
            "unkept": many(text(), "columns that appear late in a file and are not in the output"),
            "notes": many(text(), "where files differ in their columns"),
            "engine": word("local", "ray", meaning="what ran the workers"),
            "workers": count("processes that scored", least=1),
            "threads": count("of each", least=1),
            "seconds": number("of this session; 0 where nothing was left to do", minimum=0),
            "rows_per_second": number("of this session", minimum=0),
            "tokens_per_second": number("of this session", minimum=0),
        }
    )


def converted() -> Schema:
    """``convert --json``."""
    return record(
        {
            "output": text("folder of the new model"),
            "storage": word(*STORAGES, meaning="how its matrices are held"),
            "from": word(*STORAGES, meaning="how those of the original are held"),
            "bytes": count("size of its model.safetensors"),
        }
    )


def exported() -> Schema:
    """``export --json``."""
    return record(
        {
            "output": text("folder that was written"),
            "to": word(*EXPORTS, meaning="format"),
            "precision": word(*STORAGES, meaning="how the matrices are held"),
            "bytes": count("size of the model's file"),
        }
    )


def installation() -> Schema:
    """``info --json``."""
    backend = record(
        {
            "name": text(),
            "available": yes_or_no("whether it can run here"),
            "detail": text("what it is, or why it cannot run"),
        }
    )
    model = record(
        {
            "name": text("what --model takes"),
            "bytes": count("size of its files"),
            "path": text("its folder"),
            "default": yes_or_no("whether it is used where none is named"),
        }
    )
    return record(
        {
            "version": text("of Peephole"),
            "python": text("version of Python"),
            "platform": text("system and processor"),
            "threads": count("that a command uses", least=1),
            "backends": many(backend, "in the order in which they are asked"),
            "cells": mapping(text(), "cell → the backend that runs it on the CPU"),
            "models": many(model, "of this installation"),
            "extras": mapping(
                mapping(or_null(text(), "version; null where it is not installed")), "extra → its packages"
            ),
            "schemas": mapping(count(least=1), "answer → the version of its schema"),
        }
    )
