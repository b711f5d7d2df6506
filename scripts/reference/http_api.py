"""The page of the HTTP interface, from the document that the server gives at ``/openapi.json``, and from what it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx

import peephole
from peephole.serve import Settings
from peephole.serve.application import application
from peephole.serve.service import Service
from reference.texts import filled

Schema = dict[str, Any]
WIDTH = 120
BASE = "http://127.0.0.1:8000"


def http_page() -> str:
    """Every path with its fields, limits, refusals and an example that was asked of a server."""
    return asyncio.run(_page())


async def _page() -> str:
    app = application(Service(Settings(), {"reviews": peephole.load()}))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        document = (await client.get("/openapi.json")).json()
        paths: list[str] = []
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                paths += [f"## `{method.upper()} {path}`", "", _sentence(operation["summary"]), ""]
                paths += _request(operation)
                paths += _answer(operation)
                paths += await _example(client, method, path, operation)
        numbers = (await client.get("/metrics")).text
    refused = {
        status: answer["description"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status != "200"
    }
    return filled(
        "http.md",
        paths=paths[:-1],
        metrics=list(_metrics(numbers)),
        statuses=[f"| {status} | {refused[status]} |" for status in sorted(refused)],
    )


def _request(operation: Schema) -> list[str]:
    """The fields of a body, with their limits."""
    if "requestBody" not in operation:
        return []
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    lines = ["| field | must be | meaning |", "|---|---|---|"]
    for name, rule, wanted in _fields(schema):
        need = " (needed)" if wanted else ""
        lines.append(f"| `{name}`{need} | {_rule(rule)} | {rule.get('description', '')} |")
    return [*lines, "", " ".join(["Other fields are refused.", *_besides(schema)]), ""]


def _fields(schema: Schema, before: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Fields of an object and of the objects in it; of alternatives, each field once, as the widest has it."""
    seen: dict[str, Schema] = {}
    alternatives = schema.get("anyOf", [schema])
    for one in alternatives:
        for name, rule in one.get("properties", {}).items():
            if name not in seen or _width(rule) > _width(seen[name]):
                seen[name] = rule
    for name, rule in seen.items():
        inner = [one for one in rule.get("anyOf", [rule]) if one.get("type") == "object"]
        if not inner or name == "clamp":
            yield before + name, rule, all(name in one.get("required", ()) for one in alternatives)
        else:
            yield from _fields(rule, f"{before}{name}.")


def _besides(schema: Schema) -> list[str]:
    """What else holds of parameters where an alternative is taken, such as where values are held."""
    first, *others = schema.get("properties", {}).get("parameters", {}).get("anyOf", [{}])
    return [
        f"With `{name}`, `{field}` must be {_rule(rule)}."
        for one in others
        for name in one["required"]
        for field, rule in one["properties"].items()
        if field != name and _rule(rule) != _rule(first["properties"][field])
    ]


def _width(rule: Schema) -> int:
    return len(json.dumps({key: value for key, value in rule.items() if key != "description"}))


def _sentence(text: str) -> str:
    return text if text[-1] in "?!." else f"{text}."


def _rule(rule: Schema) -> str:
    """What a value must be, in words."""
    if "anyOf" in rule:
        return "; or ".join(_rule(one) for one in rule["anyOf"])
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    if "const" in rule:
        return f"`{json.dumps(rule['const'])}`"
    kind, low, high = rule.get("type"), rule.get("minimum"), rule.get("maximum")
    if kind == "string":
        return f"a text of at most {rule['maxLength']:,} characters" if "maxLength" in rule else "a text"
    if kind == "array":
        return f"a list of {rule.get('minItems', 0)} to {rule['maxItems']:,}, each {_rule(rule['items'])}"
    if kind in ("integer", "number"):
        word = "a whole number" if kind == "integer" else "a number"
        return f"{word} from {low:,.0f} to {high:,.0f}"
    if kind == "object":
        one = next(iter(rule.get("properties", {}).values()), None)
        return "an object: a value's name, such as `layer0.forward.f` → " + _held(one) if one else "an object"
    return "`true` or `false`"


def _held(rule: Schema) -> str:
    value, some = rule["anyOf"]
    units = some["properties"]["units"]
    return (
        f'{_rule(value)}, or `{{"value": …, "units": […]}}` with at most {units["maxItems"]:,} positions of units '
        f"from 0 to {units['items']['maximum']:,.0f}"
    )


def _answer(operation: Schema) -> list[str]:
    good = operation["responses"]["200"]
    kinds = ", ".join(f"`{kind}`" for kind in good.get("content", {})) or "nothing"
    statuses = [status for status in operation["responses"] if status != "200"]
    refusals = f" Refusals: {', '.join(statuses)}." if statuses else ""
    what = good["description"]
    said = "" if what == "Successful Response" else f": {what[0].lower()}{what[1:].rstrip('.')}"
    return [f"Answers {kinds}{said}.{refusals}", ""]


async def _example(client: httpx.AsyncClient, method: str, path: str, operation: Schema) -> list[str]:
    """Each example of the document, asked of the server."""
    if method == "get":
        given = await client.get(path)
        shown = (
            _shortened(given.json())
            if "json" in given.headers["content-type"]
            else given.text.split("\n")[:4]
        )
        return ["```bash", f"curl -s {BASE}{path}", "```", "", *_block(shown), ""]
    lines: list[str] = []
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        body = example["value"]
        answer = (await client.request(method, path, json=body)).json()
        written = json.dumps(body)
        lines += [f"{example['summary']}:", "", "```bash"]
        lines += [f"curl -s {BASE}{path} -H 'Content-Type: application/json' -d '{written}'", "```", ""]
        lines += [*_block(_shortened(answer)), ""]
    return lines


def _block(shown: object) -> list[str]:
    if isinstance(shown, list) and shown and isinstance(shown[0], str):
        return ["```text", *shown, "```"]
    return ["```json", *_json(shown), "```"]


def _json(value: object, indent: str = "", before: str = "") -> list[str]:
    """JSON whose lines are as full as they may be."""
    line = f"{indent}{before}{json.dumps(value, ensure_ascii=False)}"
    if len(line) <= WIDTH or not isinstance(value, dict | list):
        return [line]
    if isinstance(value, dict):
        pairs, begin, end = [(f"{json.dumps(key)}: ", one) for key, one in value.items()], "{", "}"
    else:
        pairs, begin, end = [("", one) for one in value], "[", "]"
    lines = [f"{indent}{before}{begin}"]
    for key, one in pairs:
        inner = _json(one, f"{indent}  ", key)
        lines += [*inner[:-1], f"{inner[-1]},"]
    return [*lines[:-1], lines[-1].rstrip(","), f"{indent}{end}"]


def _shortened(value: Any, key: str = "") -> Any:
    """An answer as a page has room for it: few digits, long lists cut, and no document of a page."""
    if key in ("page", "version"):  # the one is long, the other another one with each commit
        return "…"
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, list):
        kept = [_shortened(one) for one in value[:3]]
        return [*kept, "…"] if len(value) > 3 else kept
    if isinstance(value, dict):
        return {name: _shortened(one, name) for name, one in value.items()}
    return value


def _metrics(text: str) -> Iterator[str]:
    """A row for each number that Prometheus may ask for."""
    kinds = dict(line.split()[2:4] for line in text.split("\n") if line.startswith("# TYPE"))
    for line in text.split("\n"):
        if line.startswith("# HELP"):
            _, _, name, meaning = line.split(" ", 3)
            if not name.endswith("_created"):
                yield f"| `{name}` | {kinds[name]} | {meaning} |"
