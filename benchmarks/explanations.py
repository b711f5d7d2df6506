"""The methods of explanation, ranked: against contributions that are known, by faithfulness on texts, and by their time.

    PEEPHOLE_DATA=corpora python benchmarks/explanations.py --json benchmarks/results/explanations.json

1. known: small networks learn to add the marked numbers of a sequence, and, where marks have signs, to subtract some. What each
   step contributes is known; each method's scores are correlated with it. From none to four numbers are marked: were there always
   two, as in the adding problem, a network could take the same from both and add it at the end, and what a step contributes
   would be known up to that only. (One did, and every method found that out.)
2. texts: reviews of held-out films, and held-out sentences, are explained for the model in the package; words are deleted in the
   order of the scores. `normalised` is 0 for random orders and 1 for a greedy one.
3. time: of the scores of a 60-word text, on one thread.

Methods in brackets are not offered: they are measured to know what others would be worth.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import peephole
from explanations_known import known
from explanations_tables import tables
from explanations_texts import on_texts
from explanations_time import times
from peephole.studies.bench.machine import command_line, machine, today, versions


def main() -> None:
    """Measure what is asked for, and print or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default="known,texts,time", help="which, separated by commas")
    parser.add_argument("--model", default=None, help="a model folder; the one in the package by default")
    parser.add_argument("--texts", type=int, default=100, help="texts of each corpus")
    parser.add_argument(
        "--json", type=Path, help="file for the results; parts that are not measured stay as they are in it"
    )
    parser.add_argument(
        "--tables", action="store_true", help="measure nothing, and print the tables of a file of results"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.tables:
        sys.stdout.write(tables(json.loads(asked.json.read_text(encoding="utf-8"))))
        return
    parts = asked.parts.split(",")
    model = peephole.load(asked.model) if asked.model else peephole.load()
    measures: dict[str, Callable[[], Any]] = {
        "time": lambda: times(model),
        "known": lambda: list(known()),
        "texts": lambda: {
            name: on_texts(model, name, asked.texts) for name in ("imdb_train", "sst2_sentences")
        },
    }
    for part in parts:
        facts = {
            "command": command_line("benchmarks/explanations.py"), "date": today(), "machine": machine(), "versions": versions(),
        }  # fmt: skip
        found = {**facts, "results": measures[part]()}
        if asked.json is None:
            sys.stdout.write(json.dumps({part: found}, indent=1) + "\n")
            continue
        document = json.loads(asked.json.read_text(encoding="utf-8")) if asked.json.exists() else {}
        asked.json.write_text(json.dumps(document | {part: found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
