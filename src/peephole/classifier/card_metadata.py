"""The head of a model card: what the Hugging Face Hub reads of it, made from the config alone.

Scores are those of the config's own record. What is not recorded there is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from peephole.classifier.config import ModelConfig
from peephole.classifier.stages import Recurrent

LICENSE, LANGUAGE, DATASETS, TAGS = "model_license", "language", "datasets", "tags"
TASK = "text-classification"

_TASK = {"type": TASK, "name": "Text classification"}
_SCORES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "accuracy": ("accuracy", "Accuracy", {}),
    "macro_f1": ("f1", "Macro F1", {"average": "macro"}),
    "roc_auc": ("roc_auc", "ROC AUC", {}),
    "log_loss": ("log_loss", "Log-loss", {}),
}
_ON_THE_HUB = r"hf:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:/(?P<config>[\w.+-]+))?(?::(?P<split>[^/]+))?"


def card_metadata(config: ModelConfig, *, name: str = "model") -> dict[str, Any]:
    """Return what the Hub shows of a model: licence, language, library, tags, data sets and scores.

    Licence, language, data sets and further tags are those that `described` put into `config.data`. A data set that the model was
    trained on by its name on the Hub (``hf:OWNER/NAME``) is named too.

    Args:
        config: the model.
        name: what to call it.

    Example:
        >>> config = ModelConfig.default(vocabulary=500, labels=["bad", "good"])
        >>> config = config.replace(metrics={"development": {"n": 50, "accuracy": 0.9}}, data={"sources": ["hf:ada/films:train"]})
        >>> found = card_metadata(config, name="tiny")
        >>> found["datasets"], found["model-index"][0]["results"][0]["metrics"]
        (['ada/films'], [{'type': 'accuracy', 'value': 0.9, 'name': 'Accuracy'}])
    """
    data = config.data
    sources = _texts(data.get("sources"))
    cells = [stage.cell for stage in config.stages if isinstance(stage, Recurrent)]
    results = list(_results(config.metrics, _texts(data.get("development_sources")) or sources))
    return head_fields(data, name, results, task=TASK, tags=cells)


def head_fields(
    data: Mapping[str, Any],
    name: str,
    results: Sequence[Mapping[str, Any]],
    *,
    task: str | None = None,
    tags: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the fields of a card's head, in the Hub's order; empty ones are left out.

    Args:
        data: facts, of which those that `described` writes are taken, and sources that are data sets of the Hub.
        name: what to call the model.
        results: what was measured, as a ``model-index`` lists it.
        task: the Hub's name of what the model does, if it has one.
        tags: further tags.
    """
    license, named = data.get(LICENSE), [task] if task else []
    known = [match["name"] for source in _texts(data.get("sources")) if (match := _on_the_hub(source))]
    found: dict[str, Any] = {
        "license": license if isinstance(license, str) else "",
        "language": _texts(data.get(LANGUAGE)),
        "library_name": "peephole",
        "pipeline_tag": task,
        "tags": _each_once(["peephole", *named, *tags, *_texts(data.get(TAGS))]),
        "datasets": _each_once([*_texts(data.get(DATASETS)), *known]),
        "metrics": _each_once([metric["type"] for result in results for metric in result["metrics"]]),
        "model-index": [{"name": name, "results": list(results)}] if results else [],
    }
    return {field: value for field, value in found.items() if value}


def described(
    data: Mapping[str, Any],
    *,
    license: str | None = None,
    language: str | Sequence[str] | None = None,
    datasets: str | Sequence[str] | None = None,
    tags: str | Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the facts of a config's `data` and more of them; what is None stays as it is.

    Args:
        data: the facts.
        license: of the model, by the Hub's name for it, such as ``"apache-2.0"``.
        language: codes of the languages of its texts, such as ``"en"``.
        datasets: names on the Hub of the data sets that it was trained on.
        tags: further tags.
    """
    lists = {LANGUAGE: language, DATASETS: datasets, TAGS: tags}
    said: dict[str, Any] = {} if license is None else {LICENSE: license}
    said |= {
        field: [value] if isinstance(value, str) else list(value)
        for field, value in lists.items()
        if value is not None
    }
    return {**data, **said}


def _results(metrics: Mapping[str, Any], sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield each set of texts that scores were measured on, with its scores."""
    measured = metrics.get("converted")
    before = (
        f" (measured before conversion {measured.partition(',')[0]})" if isinstance(measured, str) else ""
    )
    records = [(_development(sources), metrics.get("development"))]
    kept = metrics.get("kept_out_of_training")
    for part, scores in kept.items() if isinstance(kept, Mapping) else ():
        records.append(({"type": part, "name": f"{part.replace('_', ' ')}, kept out of training"}, scores))
    for dataset, scores in records:
        if isinstance(scores, Mapping) and (found := list(_scores(scores, before))):
            texts = next((scores[key] for key in ("n", "texts") if isinstance(scores.get(key), int)), None)
            size = {} if texts is None else {"args": {"texts": texts}}
            yield {"task": dict(_TASK), "dataset": {**dataset, **size}, "metrics": found}
    behaviour = metrics.get("behaviour")
    if isinstance(behaviour, Mapping) and _is_number(rate := behaviour.get("overall")):
        yield {
            "task": dict(_TASK),
            "dataset": {"type": "behaviour-suite", "name": "the behaviour suite of Peephole"},
            "metrics": [{"type": "pass_rate", "value": rate, "name": f"Share of texts passed{before}"}],
        }


def _scores(scores: Mapping[str, Any], before: str) -> Iterator[dict[str, Any]]:
    for field, (kind, spoken, arguments) in _SCORES.items():
        if not _is_number(value := scores.get(field)):
            continue
        interval = scores.get("interval") if field == "accuracy" else None
        if isinstance(interval, list) and len(interval) == 2 and all(map(_is_number, interval)):
            arguments = {**arguments, "interval_95_percent": interval}
        metric = {"type": kind, "value": value, "name": spoken + before}
        yield {**metric, "args": arguments} if arguments else metric


def _development(sources: Sequence[str]) -> dict[str, Any]:
    """Return what the development texts are, for the Hub: a data set of its own, or a file by its name."""
    if len(sources) == 1 and (match := _on_the_hub(sources[0])):
        parts = {part: match[part] for part in ("config", "split") if match[part]}
        return {"type": match["name"], "name": f"{match['name']}, development part", **parts}
    names = [PurePath(source.replace("\\", "/")).name or source for source in sources]
    shown = (
        names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        if names
        else "texts of one's own"
    )
    return {"type": names[0] if len(names) == 1 else "own", "name": f"{shown}, development part"}


def _on_the_hub(source: str) -> re.Match[str] | None:
    return re.fullmatch(_ON_THE_HUB, source, re.ASCII)


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in values if isinstance(item, str) and item]


def _each_once(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
