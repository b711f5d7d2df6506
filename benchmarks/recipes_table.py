"""From finished runs to a table: each variant beside the default, and what chance does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peephole.evaluation.paired import compare
from peephole.studies.bench.table import Table
from peephole.studies.compare import pairing
from peephole.studies.compare.pairing import Numbers
from recipes_variants import STORAGES

LEVEL = 0.01  # of a dozen comparisons, one at 0.05 is to be expected by chance


def summarise(
    runs: Sequence[Mapping[str, Any]], truth: NDArray[np.intp], titles: Mapping[str, str]
) -> dict[str, Any]:
    """Compare every variant with the default of the same seeds.

    Two things come by chance: which texts are in the development part, and the seed. The first is told by the spread of
    the differences text by text, averaged over the seeds; the second by the spread between the seeds of one variant, over
    all variants. Their errors are added as squares; see `peephole.studies.compare.pairing`.

    Args:
        runs: as `recipes.one_run` gives them.
        truth: the class of each development text `[N]`.
        titles: of each variant, by its name.
    """
    names = list(dict.fromkeys(run["variant"] for run in runs))
    by_variant = {name: [run for run in runs if run["variant"] == name] for name in names}
    default = {run["seed"]: run for run in by_variant["default"]}
    seeds = {
        key: pairing.seed_deviation(
            {name: over_seeds(own, truth, key) for name, own in by_variant.items() if name not in STORAGES}
        )
        for key in ("accuracy", "log_loss")
    }
    variants: list[dict[str, Any]] = []
    for name in names:
        mine = by_variant[name]
        found: dict[str, Any] = {"variant": name, "title": titles[name], "changes": mine[0]["changes"]}
        found["runs"] = [described(run, default[run["seed"]], truth) for run in mine]
        for key in ("accuracy", "log_loss", "cpu_minutes", "minutes"):
            values = [run[key] for run in found["runs"] if run.get(key) is not None]
            found[key] = float(np.mean(values)) if values else None
        if name != "default":
            theirs = [default[run["seed"]] for run in mine]
            moved = {} if name in STORAGES else seeds
            found["differences"] = {
                key: difference(mine, theirs, truth, key, moved.get(key, 0.0))
                for key in ("accuracy", "log_loss")
            }
        variants.append(found)
    return {"seed_deviation": seeds, "level": LEVEL, "variants": variants}


def per_text(run: Mapping[str, Any], truth: NDArray[np.intp]) -> dict[str, Numbers]:
    """Return, for each development text, whether the answer is right and the log-loss in nats."""
    probabilities = np.array(run["probabilities"])
    losses = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], np.finfo(np.float64).eps))
    return {"accuracy": (probabilities.argmax(axis=1) == truth).astype(np.float64), "log_loss": losses}


def over_seeds(runs: Sequence[Mapping[str, Any]], truth: NDArray[np.intp], key: str) -> Numbers:
    """Return one of the numbers of `per_text` for each run and text `[seeds, texts]`."""
    return np.array([per_text(run, truth)[key] for run in runs])


def score(run: Mapping[str, Any], truth: NDArray[np.intp]) -> dict[str, float]:
    """Return the accuracy and the log-loss of a run."""
    return {key: float(values.mean()) for key, values in per_text(run, truth).items()}


def difference(
    mine: Sequence[Mapping[str, Any]],
    theirs: Sequence[Mapping[str, Any]],
    truth: NDArray[np.intp],
    key: str,
    deviation: float | None,
) -> dict[str, Any]:
    """Return how far runs are from others of the same seeds, with the error of both chances; one seed alone has no p."""
    first, second = over_seeds(mine, truth, key), over_seeds(theirs, truth, key)
    by_texts = pairing.difference(first, second, None)
    found = {"mean": by_texts.value, "text_error": by_texts.error}
    if deviation is None:
        return {**found, "error": None, "p": None}
    by_both = pairing.difference(first, second, deviation)
    return {**found, "error": by_both.error, "p": by_both.p}


def described(run: Mapping[str, Any], default: Mapping[str, Any], truth: NDArray[np.intp]) -> dict[str, Any]:
    """Return a run without its probabilities, compared with the default of its seed."""
    kept = {"seed": run["seed"], **score(run, truth)}
    kept |= {
        key: run[key]
        for key in ("minutes", "cpu_minutes", "data", "bytes", "float32_bytes", "recipe")
        if key in run
    }
    if run["variant"] != "default":
        own, other = np.array(run["probabilities"]), np.array(default["probabilities"])
        kept["against_default"] = dataclasses.asdict(compare(own, other, truth))
        kept["labels_that_differ"] = int((own.argmax(axis=1) != other.argmax(axis=1)).sum())
    return kept


def verdict(found: Mapping[str, Any], level: float) -> str:
    """Say whether a difference is more than chance, by the log-loss."""
    if "differences" not in found:
        return ""
    log_loss = found["differences"]["log_loss"]
    if log_loss["p"] is None:
        return "one seed"
    return "within chance" if log_loss["p"] >= level else "better" if log_loss["mean"] < 0 else "worse"


def markdown(document: Mapping[str, Any]) -> str:
    """Return the table of a result."""
    rows: list[tuple[str, ...]] = []
    for found in document["variants"]:
        spent = found["cpu_minutes"]
        rows.append(
            (
                described_change(found),
                " / ".join(f"{100 * run['accuracy']:.1f}" for run in found["runs"]),
                shown(found, "accuracy", 100, 1),
                f"{found['log_loss']:.3f}",
                shown(found, "log_loss", 1, 3),
                verdict(found, document["level"]),
                "" if spent is None else f"{spent:.1f}",
            )
        )
    headings = (
        "<",
        "accuracy of each seed (%)",
        "difference (points)",
        "log-loss (nats)",
        "difference (nats)",
        "<by log-loss",
        "CPU minutes",
    )
    return Table("", headings, tuple(rows)).markdown()


def described_change(found: Mapping[str, Any]) -> str:
    """Write what a variant is, with its options, and what another storage does."""
    options = " ".join(
        f"--{key.replace('_', '-')} {value:g}"
        if isinstance(value, float)
        else f"--{key.replace('_', '-')} {value}"
        for key, value in found["changes"].items()
    )
    words = [found["title"], *([f"`{options}`"] if options else [])]
    if found["variant"] in STORAGES:
        runs = found["runs"]
        turned = " / ".join(f"{run['labels_that_differ']:,}" for run in runs)
        words.append(
            f"{runs[0]['bytes'] / 1e6:.1f} of {runs[0]['float32_bytes'] / 1e6:.1f} MB, {turned} labels turned"
        )
    return ", ".join(words)


def shown(found: Mapping[str, Any], key: str, scale: float, digits: int) -> str:
    """Write a difference with its 95 % interval."""
    if "differences" not in found:
        return ""
    values = found["differences"][key]
    margin = "" if values["error"] is None else f" ± {scale * 1.96 * values['error']:.{digits}f}"
    return f"{scale * values['mean']:+.{digits}f}{margin}".replace("-", "−")
