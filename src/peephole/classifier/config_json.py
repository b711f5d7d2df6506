"""`config.json`: the written form of a `ModelConfig`, and its reading from a file that may be hostile."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from peephole.classifier.preprocessing import Preprocessing
from peephole.classifier.rules import Problem, refuse, shown
from peephole.classifier.stack import MAX_STAGES
from peephole.classifier.stages import KINDS, Stage
from peephole.classifier.strict_json import Json
from peephole.errors import ModelError, nearest

if TYPE_CHECKING:
    from peephole.classifier.config import ModelConfig

FORMAT = 1

_REQUIRED = ("stages", "id2label")
_OPTIONAL = ("temperature", "preprocessing", "metrics", "data", "split", "library", "storage")


def config_to_json(config: ModelConfig) -> dict[str, Json]:
    """Return the JSON form of a config."""
    return {
        "format": FORMAT,
        "library": config.library,
        "id2label": {str(index): label for index, label in enumerate(config.labels)},
        "stages": [
            _plain({"kind": stage.kind, "name": stage.name, **vars(stage)}) for stage in config.stages
        ],
        "storage": config.storage,
        "temperature": config.temperature,
        "preprocessing": _plain(vars(config.preprocessing)),
        "metrics": _plain(config.metrics),
        "data": _plain(config.data),
        "split": None if config.split is None else _plain(config.split),
    }


def config_from_json(value: object, where: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return the arguments of `ModelConfig` and every problem of the form (not yet of the values).

    Raises:
        ModelError: the form is of another format, or so wrong that its fields cannot be read.
    """
    if not isinstance(value, dict):
        raise ModelError(f"{where}: must be a JSON object; got {shown(value)}")
    given: dict[str, Any] = dict(value)
    _check_format(given.pop("format", None), given.get("library"), where)
    problems: list[Problem] = [(name, "is missing") for name in _REQUIRED if name not in given]
    allowed = (*_REQUIRED, *_OPTIONAL)
    problems += [
        (name[:60], f"is no field of a config{nearest(name, allowed)}")
        for name in given
        if name not in allowed
    ]
    refuse(ModelError, where, problems)

    fields = {name: given[name] for name in _OPTIONAL if name in given}
    fields["labels"] = _labels(given["id2label"], problems)
    fields["stages"] = _stages(given["stages"], problems)
    if "preprocessing" in fields:
        made = _read(Preprocessing, fields["preprocessing"], "preprocessing", problems)
        fields["preprocessing"] = Preprocessing() if made is None else made
    return fields, problems


def _check_format(found: object, library: object, where: str) -> None:
    if found == FORMAT and not isinstance(found, bool):
        return
    written = f", written by {library!r}" if isinstance(library, str) and 0 < len(library) <= 60 else ""
    rule = (
        f"{where}, format: must be {FORMAT}, the format that this version reads; got {shown(found)}{written}"
    )
    if isinstance(found, int) and found > FORMAT:
        raise ModelError(rule, hint="the model is newer than this program: pip install --upgrade peephole")
    if isinstance(found, int) and not isinstance(found, bool):
        raise ModelError(
            rule,
            hint="the model is older than this program: train it again, or use the version that wrote it",
        )
    raise ModelError(rule, hint="config.json must be one that Peephole wrote")


def _labels(value: object, problems: list[Problem]) -> tuple[str, ...]:
    if not isinstance(value, dict):
        problems.append(("id2label", f'must be an object {{"0": label, "1": label, …}}; got {shown(value)}'))
        return ()
    expected = [str(index) for index in range(len(value))]
    if sorted(value) != sorted(expected):
        odd = next(name for name in value if name not in set(expected))
        problems.append(
            ("id2label", f"must number the labels from 0 to {len(value) - 1}; got the number {odd[:60]!r}")
        )
        return ()
    return tuple(value[index] for index in expected)


def _stages(value: object, problems: list[Problem]) -> tuple[Stage, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STAGES:
        got = len(value) if isinstance(value, list) else shown(value)
        problems.append(("stages", f"must be a list of 1 to {MAX_STAGES} stages; got {got}"))
        return ()
    stages: list[Stage] = []
    for index, item in enumerate(value):
        path = f"stages[{index}]"
        if not isinstance(item, dict):
            problems.append((path, f"must be an object; got {shown(item)}"))
            continue
        fields = dict(item)
        kind = fields.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            offer = nearest(kind, KINDS) if isinstance(kind, str) else ""
            listed = ", ".join(map(repr, KINDS))
            problems.append((f"{path}.kind", f"must be one of {listed}; got {shown(kind)}{offer}"))
            continue
        stage = _read(KINDS[kind], fields, path, problems)
        if stage is not None:
            stages.append(stage)
    return tuple(stages)


def _read(kind: type[Any], value: object, path: str, problems: list[Problem]) -> Any:
    """Make a dataclass of an object's fields, or add to `problems` and return None."""
    if not isinstance(value, dict):
        problems.append((path, f"must be an object; got {shown(value)}"))
        return None
    known = {field.name: field for field in dataclasses.fields(kind)}
    needed = [
        name
        for name, field in known.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    wrong = [(f"{path}.{name}", "is missing") for name in needed if name not in value]
    wrong += [
        (f"{path}.{name[:60]}", f"is no field of {kind.__name__.lower()}{nearest(name, known)}")
        for name in value
        if name not in known
    ]
    problems += wrong
    if wrong:
        return None
    return kind(**{name: tuple(item) if isinstance(item, list) else item for name, item in value.items()})


def _plain(value: Any) -> Any:
    """Return `value` with tuples as lists and mappings as dicts."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
