"""Print samples: `python -m contrast_texts --count 40 --kind negation`."""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from pathlib import Path

from .compose import composed
from .frames import FRAMES


def main() -> None:
    """Read the command line and print texts."""
    parser = argparse.ArgumentParser(prog="contrast_texts", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kind",
        choices=list(FRAMES),
        action="append",
        default=[],
        help="phenomenon; all where none is named",
    )
    parser.add_argument(
        "--phrases", type=Path, help="gzipped table with the columns text and label; `real` needs it"
    )
    parser.add_argument("--csv", action="store_true", help="a table with the columns text, label and kind")
    asked = parser.parse_args()
    phrases: list[tuple[str, str]] = []
    if asked.phrases:
        with gzip.open(asked.phrases, "rt", encoding="utf-8", newline="") as file:
            phrases = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    elif asked.kind == ["real"]:
        parser.error("--kind real needs --phrases")
    texts = composed(asked.count, asked.seed, phrases, asked.kind)
    if asked.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(("text", "label", "kind"))
        writer.writerows((text, label, kind) for kind, _, text, label in texts)
        return
    for kind, _, text, label in texts:
        sys.stdout.write(f"{kind:<11}{label:<10}{text}\n")


if __name__ == "__main__":
    main()
