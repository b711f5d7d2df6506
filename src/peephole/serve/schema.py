"""What OpenAPI says of bodies and answers: made from the settings and the models, so that it says what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peephole.classifier import Classifier
from peephole.serve.bodies import HELD_LEAST, HELD_MOST, MOST_LABELS, MOST_UNITS
from peephole.serve.problems import MEDIA_TYPE
from peephole.serve.settings import Settings

Schema = dict[str, Any]

_TEXT = "Not bad at all."
_SCORES: list[dict[str, Any]] = [
    {"label": "positive", "score": 0.93},
    {"label": "negative", "score": 0.07},
]
REASONS = {
    400: "The body is no JSON",
    401: "The token is missing or wrong",
    408: "The body came too slowly",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The body is JSON of something else, or breaks a limit",
    500: "The model cannot answer this text",
    503: "The queue is full; try again",
    504: "The deadline has passed",
}


def predict_request(settings: Settings, classifiers: dict[str, Classifier]) -> Schema:
    """The body of ``POST /predict``."""
    text: Schema = {"type": "string", "maxLength": settings.text_characters}
    several: Schema = {"type": "array", "items": text, "minItems": 1, "maxItems": settings.request_texts}
    top_k: Schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_LABELS,
        "description": "how many labels, the most probable first; all by default",
    }
    fields: Schema = {
        "inputs": {"anyOf": [text, several], "description": "a text, or a list of texts"},
        "parameters": _object({"top_k": top_k}),
        "model": _model(classifiers),
    }
    examples = {
        "one": {"summary": "One text", "value": {"inputs": _TEXT}},
        "several": {
            "summary": "Several texts, the best label of each",
            "value": {"inputs": [_TEXT, "A waste of time."], "parameters": {"top_k": 1}},
        },
    }
    return _body(_object(fields, ["inputs"]), examples)


def predict_answer() -> Schema:
    """The answer of ``POST /predict``."""
    scores: Schema = {
        "type": "array",
        "minItems": 1,
        "items": _object({"label": {"type": "string"}, "score": _unit()}, ["label", "score"]),
    }
    schema: Schema = {"anyOf": [scores, {"type": "array", "items": scores}]}
    description = "Label and probability, the most probable first; for a list of texts, a list of those"
    return _answer(description, schema, _SCORES)


def explain_request(
    settings: Settings,
    classifiers: dict[str, Classifier],
    methods: Sequence[str],
    held_methods: Sequence[str],
    values: Mapping[str, Mapping[str, int]],
) -> Schema:
    """The body of ``POST /explain``.

    Args:
        settings: the limits.
        classifiers: the models by name, the default one first.
        methods: of explaining.
        held_methods: those that can be used while values are held.
        values: by model, what can be held and of how many units it is.
    """
    alike: dict[Any, list[str]] = {}
    for name, classifier in classifiers.items():
        alike.setdefault((classifier.labels, tuple(values[name].items())), []).append(name)
    default = next(iter(classifiers))
    bodies = [
        _object(
            {
                "inputs": {
                    "type": "string",
                    "maxLength": settings.explain_characters,
                    "description": "a text",
                },
                "parameters": _explain_parameters(labels, dict(held), methods, held_methods),
                "model": {"enum": names, "description": "name of a model; the first by default"},
            },
            ["inputs"] if default in names else ["inputs", "model"],
        )
        for (labels, held), names in alike.items()
    ]
    examples: Schema = {"one": {"summary": "A text", "value": {"inputs": _TEXT}}}
    gate = next((name for name in values[default] if name.endswith(".f")), None)
    if gate is not None:
        examples["held"] = {
            "summary": "A text, while the model may not forget",
            "value": {"inputs": _TEXT, "parameters": {"clamp": {gate: 1}}},
        }
    return _body(bodies[0] if len(bodies) == 1 else {"anyOf": bodies}, examples)


def _explain_parameters(
    labels: Sequence[str], values: Mapping[str, int], methods: Sequence[str], held_methods: Sequence[str]
) -> Schema:
    """Parameters of models with these labels and values: without anything held, and with."""
    free: Schema = {
        "method": {"enum": list(methods), "description": "how words are scored; auto by default"},
        "target": {"enum": list(labels), "description": "label to explain; the most probable one by default"},
        "faithfulness": {
            "type": "boolean",
            "description": "delete the highest words and run again, some hundreds of times; false by default",
        },
        "phrases": {"type": "boolean", "description": "make the tree of phrases; false by default"},
    }
    if not values:
        return _object(free)
    held: Schema = {
        **free,
        "method": {"enum": list(held_methods), "description": "how words are scored; auto by default"},
        "phrases": {"const": False, "description": "what takes the equations apart needs them free"},
        "clamp": {
            "type": "object",
            "description": "values to hold at every step, such as layer0.forward.f: a number, or of which units",
            "properties": {name: _hold(units) for name, units in values.items()},
            "additionalProperties": False,
            "minProperties": 1,
        },
    }
    free["clamp"] = {"type": "object", "maxProperties": 0, "description": "nothing held"}
    return {"anyOf": [_object(free), _object(held, ["clamp"])]}


def explain_answer() -> Schema:
    """The answer of ``POST /explain``."""
    word = _object(
        {
            "text": {"type": "string"},
            "start": {"type": "integer", "minimum": 0},
            "stop": {"type": "integer", "minimum": 0},
            "score": {"type": "number"},
        },
        ["text", "start", "stop", "score"],
    )
    explanation: Schema = {
        "type": "object",
        "required": ["text", "label", "probabilities", "method", "target", "against", "value", "words"],
        "properties": {
            "label": {"type": "string"},
            "probabilities": {"type": "object", "additionalProperties": _unit()},
            "value": {"type": "number"},
            "words": {"type": "array", "items": word},
        },
    }
    page: Schema = {
        "type": "object",
        "required": ["version", "verdict", "tokens", "words", "tracks"],
        "description": "what a page is drawn from: words, gates, conveyor; arrays of 8 bits a number, in base64",
    }
    fields: Schema = {"model": {"type": "string"}, "explanation": explanation, "page": page}
    answer = _answer("Why the model answers as it does", _object(fields, ["model", "explanation", "page"]))
    answer["content"]["text/html"] = {"schema": {"type": "string"}}  # where Accept asks for it: one file
    return answer


def models_answer() -> Schema:
    """The answer of ``GET /models``."""
    model: Schema = {
        "type": "object",
        "required": ["name", "labels", "layers", "vocabulary", "values"],
        "properties": {
            "name": {"type": "string"},
            "labels": {"type": "array", "items": {"type": "string"}},
            "layers": {"type": "array", "items": {"type": "object"}},
            "vocabulary": {"type": "integer"},
            "values": {
                "type": "array",
                "items": {"type": "string"},
                "description": "what `clamp` of POST /explain can hold",
            },
        },
    }
    fields: Schema = {"default": {"type": "string"}, "models": {"type": "array", "items": model}}
    return _answer("The models, and which answers by default", _object(fields, ["default", "models"]))


def state_answer(description: str) -> Schema:
    """The answer of ``GET /health`` and ``GET /ready``."""
    fields: Schema = {"status": {"type": "string"}, "version": {"type": "string"}}
    return _answer(description, _object(fields, ["status"]))


def problem_answers(statuses: Iterable[int]) -> dict[int | str, Schema]:
    """Refusals, by status."""
    fields: Schema = {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
    }
    schema = _object(fields, ["type", "title", "status", "detail", "request_id"])
    return {
        status: {"description": REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _object(fields: Schema, required: Sequence[str] = ()) -> Schema:
    made: Schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _model(classifiers: dict[str, Classifier]) -> Schema:
    return {"enum": list(classifiers), "description": "name of a model; the first by default"}


def _hold(units: int) -> Schema:
    value: Schema = {"type": "number", "minimum": HELD_LEAST, "maximum": HELD_MOST}
    one: Schema = {"type": "integer", "minimum": 0, "maximum": units - 1}
    some: Schema = {"type": "array", "items": one, "maxItems": MOST_UNITS}
    return {"anyOf": [value, _object({"value": value, "units": some}, ["value"])]}


def _unit() -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1}


def _body(schema: Schema, examples: Schema) -> Schema:
    content = {"application/json": {"schema": schema, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


def _answer(description: str, schema: Schema, example: object = None) -> Schema:
    media = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {"application/json": media}}
