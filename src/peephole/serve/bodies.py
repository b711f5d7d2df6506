"""From the bytes of a body to what is asked: every problem named with its place, nothing read and ignored."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from peephole.classifier.rules import Problem as Broken
from peephole.classifier.rules import Rule, choice, flag, number, refuse, shown, whole
from peephole.classifier.strict_json import read_json
from peephole.errors import ModelError, OptionError, nearest
from peephole.insight.holds import Hold
from peephole.serve.problems import Problem
from peephole.serve.settings import Settings

MOST_LABELS = 1000
TOP_K = whole(1, MOST_LABELS)
_WHERE = "body"
_MOST_NAMED = 8  # unknown fields
HELD_LEAST, HELD_MOST = -100, 100
MOST_UNITS = 4096
_UNITS = Rule(
    f"must be a list of at most {MOST_UNITS:,} whole numbers",
    lambda value: (
        isinstance(value, list)
        and len(value) <= MOST_UNITS  # pyright: ignore[reportUnknownArgumentType]
        and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    ),
)
_HELD = number(HELD_LEAST, HELD_MOST)
_LABEL = Rule("must be a label", lambda value: isinstance(value, str))


@dataclasses.dataclass(frozen=True)
class PredictBody:
    """What ``POST /predict`` asks.

    Attributes:
        texts: in order.
        single: whether it was one text by itself, not a list.
        model: the name of a model; None: the default one.
        top_k: how many labels; None: all.
    """

    texts: Sequence[str]
    single: bool
    model: str | None
    top_k: int | None


@dataclasses.dataclass(frozen=True)
class ExplainBody:
    """What ``POST /explain`` asks; the fields are those of `peephole.insight.explanations.explain`."""

    text: str
    model: str | None
    method: str
    target: str | None
    faithfulness: bool
    phrases: bool
    held: Mapping[str, Hold]


def predict_body(data: bytes, settings: Settings, models: Sequence[str]) -> PredictBody:
    """Read the body of ``POST /predict``.

    Raises:
        Problem: 400, it is no JSON.
        OptionError: it is JSON of something else; every problem is listed.
    """
    broken: list[Broken] = []
    document = _object(data)
    asked = _fields(document, "", ("inputs", "parameters", "model"), broken)
    parameters = dict(_fields(asked.get("parameters", {}), "parameters", ("top_k",), broken))
    if "top_k" in parameters:
        parameters["top_k"] = _whole(parameters["top_k"])
    texts, single = _texts(asked, settings, broken)
    _check(asked, "model", "", choice(*models), broken)
    _check(parameters, "top_k", "parameters.", TOP_K, broken)
    refuse(OptionError, _WHERE, broken)
    return PredictBody(texts, single, asked.get("model"), parameters.get("top_k"))


def explain_body(
    data: bytes, settings: Settings, models: Mapping[str, Collection[str]], methods: Sequence[str]
) -> ExplainBody:
    """Read the body of ``POST /explain``; raises what `predict_body` raises.

    Args:
        data: the body.
        settings: the limits.
        models: by name, the names of the values that can be held; the default model first.
        methods: of explaining.
    """
    broken: list[Broken] = []
    document = _object(data)
    asked = _fields(document, "", ("inputs", "parameters", "model"), broken)
    names = ("method", "target", "faithfulness", "phrases", "clamp")
    parameters = _fields(asked.get("parameters", {}), "parameters", names, broken)
    if "inputs" not in asked:
        broken.append(("inputs", "must be there; got none"))
    else:
        _check_text(asked["inputs"], "inputs", settings.explain_characters, broken)
    _check(asked, "model", "", choice(*models), broken)
    rules = {"method": choice(*methods), "target": _LABEL, "faithfulness": flag(), "phrases": flag()}
    for name, rule in rules.items():
        _check(parameters, name, "parameters.", rule, broken)
    model = asked.get("model", next(iter(models)))
    held: Mapping[str, Hold] = {}
    if isinstance(model, str) and model in models:
        held = _held(parameters.get("clamp", {}), models[model], broken)
    refuse(OptionError, _WHERE, broken)
    return ExplainBody(
        asked["inputs"],
        asked.get("model"),
        parameters.get("method", "auto"),
        parameters.get("target"),
        parameters.get("faithfulness", False),
        parameters.get("phrases", False),
        held,
    )


def _held(clamp: object, known: Collection[str], broken: list[Broken]) -> dict[str, Hold]:
    """What is to be held at every step: a number for every unit, or an object that says of which units."""
    found: dict[str, Hold] = {}
    for name, given in _fields(clamp, "parameters.clamp", known, broken).items():
        path = f"parameters.clamp.{name}"
        fields: Mapping[str, Any] = {"value": given}
        if isinstance(given, dict):
            fields = dict(_fields(given, path, ("value", "units"), broken))  # pyright: ignore[reportUnknownArgumentType]
            if isinstance(fields.get("units"), list):
                fields["units"] = [_whole(one) for one in fields["units"]]
        broken += [
            problem
            for one, rule in {"value": _HELD, "units": _UNITS}.items()
            if (one in fields or one == "value")
            and (problem := rule.problem(f"{path}.{one}", fields.get(one))) is not None
        ]
        found[name] = Hold(fields.get("value", 0.0), fields.get("units"))
    return found


def _whole(value: object) -> object:
    """A number as an integer if it is one: JSON has one kind of number, and 2.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _object(data: bytes) -> Any:
    try:
        return read_json(data, _WHERE)
    except ModelError as error:
        raise Problem(400, error.message, hint='a body is such as {"inputs": "Not bad at all."}') from None


def _fields(value: object, path: str, allowed: Collection[str], broken: list[Broken]) -> Mapping[str, Any]:
    """The object at a path; unknown fields, and what is no object, are problems."""
    if not isinstance(value, dict):
        broken.append((path, f"must be an object; got {shown(value)}"))
        return {}
    found: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    unknown = [name for name in found if name not in allowed]
    rule = f"must have no fields but {', '.join(map(repr, allowed))}" if allowed else "must have no fields"
    for name in unknown[
        :_MOST_NAMED
    ]:  # a body may hold a hundred thousand, and looking for what each meant takes time
        broken.append((path, f"{rule}; got {shown(name)}{nearest(name, allowed)}"))
    if len(unknown) > _MOST_NAMED:
        broken.append((path, f"{rule}; got {len(unknown) - _MOST_NAMED:,} more"))
    return found


def _check(fields: Mapping[str, Any], name: str, path: str, rule: Rule, broken: list[Broken]) -> None:
    if name in fields and (problem := rule.problem(path + name, fields[name])) is not None:
        broken.append(problem)


def _texts(asked: Mapping[str, Any], settings: Settings, broken: list[Broken]) -> tuple[Sequence[str], bool]:
    inputs = asked.get("inputs")
    if isinstance(inputs, str):
        _check_text(inputs, "inputs", settings.text_characters, broken)
        return [inputs], True
    if not isinstance(inputs, list):
        got = shown(inputs) if "inputs" in asked else "none"
        broken.append(("inputs", f"must be a text or a list of texts; got {got}"))
        return [], False
    texts: list[Any] = inputs  # pyright: ignore[reportUnknownVariableType]
    if not 1 <= len(texts) <= settings.request_texts:
        broken.append(("inputs", f"must hold 1 to {settings.request_texts:,} texts; got {len(texts):,}"))
        return [], False
    for n, text in enumerate(texts):
        _check_text(text, f"inputs[{n}]", settings.text_characters, broken)
    return texts, False


def _check_text(text: object, path: str, most: int, broken: list[Broken]) -> None:
    if not isinstance(text, str):
        broken.append((path, f"must be a text; got {shown(text)}"))
    elif len(text) > most:
        broken.append((path, f"must have at most {most:,} characters; got {len(text):,}"))
