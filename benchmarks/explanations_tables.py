"""From a file of results of `explanations.py` to the tables of docs/explanation/explanations.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from explanations_known import CELLS, TASKS
from explanations_texts import MEASURES


def tables(document: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    rows = document["known"]["results"]
    names = list(rows[0]["methods"])
    columns = [(task, cell) for task in TASKS for cell in CELLS]
    lines = [
        "| method | " + " | ".join(f"{cell}, {task}" for task, cell in columns) + " | mean |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for name in names:
        means = [
            np.mean(
                [row["methods"][name]["correlation"] for row in rows if (row["task"], row["cell"]) == column]
            )
            for column in columns
        ]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in [*means, np.mean(means)]) + " |")
    for corpus, found in document["texts"]["results"].items():
        lines += ["", f"{corpus}: {found['texts']} texts; area {found['area_of_random_orders']:.3f} for random orders, "
                  f"{found['area_of_greedy_orders']:.3f} for greedy ones", "",
                  "| method | comprehensiveness | sufficiency | area | normalised |", "|---|---|---|---|---|"]  # fmt: skip
        for name, values in found["methods"].items():
            cells = [f"{values[m]['mean']:.3f} ± {values[m]['standard_error']:.3f}" for m in MEASURES]
            lines.append(f"| {name} | " + " | ".join([*cells, f"{values['normalised_of_means']:.3f}"]) + " |")
    timed = document["time"]["results"]
    lines += ["", "| method | scores | with faithfulness |", "|---|---|---|"]
    for name, value in timed.items():
        if isinstance(value, dict):
            lines.append(f"| {name} | {value['scores']:.0f} ms | {value['with_faithfulness']:.0f} ms |")
    return "\n".join(lines) + "\n"
