"""JSON from files that may be hostile: bounded in size and depth, no field twice, no NaN, no half characters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, Union

from peephole.errors import ModelError

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]  # noqa: UP007 (evaluated on 3.10)

MAX_DEPTH = 32
_MAX_DIGITS = 20
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LISTS = {list, tuple}
_NESTED = {dict, list, tuple}
_HALF = re.compile(r"[\ud800-\udfff]")
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(data: bytes, where: str) -> Any:
    """Parse the bytes of a JSON file.

    Args:
        data: the whole file; the caller has bounded its size.
        where: the file, for messages.

    Raises:
        ModelError: the bytes are no UTF-8 or no JSON, a field stands twice in an object, a number is not finite or has more
            than 20 digits, a string holds half a surrogate pair, or the nesting is deeper than 32.

    Example:
        >>> read_json(b'{"a": 1, "a": 2}', "config.json")
        Traceback (most recent call last):
        peephole.errors.ModelError: config.json: must not hold a field twice; got 'a' twice
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{where}: must be UTF-8; got byte 0x{data[error.start]:02x} at {error.start}"
        ) from None

    def refuse(rule: str) -> NoReturn:
        raise ModelError(f"{where}: {rule}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            seen: set[str] = set()
            twice = next(name for name, _ in pairs if name in seen or seen.add(name))
            refuse(f"must not hold a field twice; got {twice[:60]!r} twice")
        return fields

    def integer(digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            refuse(f"must not hold a number of more than {_MAX_DIGITS} digits; got one of {len(digits)}")
        return int(digits)

    def real(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            refuse(f"must hold finite numbers only; got {digits[:60]}")
        return value

    def constant(name: str) -> NoReturn:
        refuse(f"must hold finite numbers only; got {name}")

    # A call for each number takes longer than all the rest of a large file: only where one may be too long.
    whole = integer if b"0" * (_MAX_DIGITS + 1) in data.translate(_ZEROS) else None
    try:
        value = json.loads(
            text, object_pairs_hook=unique, parse_int=whole, parse_float=real, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        refuse(f"must be JSON; got {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        refuse(f"must not be nested deeper than {MAX_DEPTH}")
    if _depth(value) > MAX_DEPTH:
        refuse(f"must not be nested deeper than {MAX_DEPTH}")
    if _HALF_ESCAPE.search(text):
        check_json(value, where)
    return value


def check_json(value: object, where: str) -> None:
    """Raise `ModelError` unless `value` is made of what JSON and UTF-8 can hold, no deeper than 32.

    Args:
        value: what to check.
        where: what it is, for messages.
    """
    if _depth(value) > MAX_DEPTH:
        raise ModelError(f"{where}: must not be nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ModelError(f"{where}: must have strings as field names; got {name!r:.60}")
            check_json(name, where)
            check_json(item, where)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_json(item, where)
    elif isinstance(value, str):
        if _HALF.search(value):
            raise ModelError(f"{where}: must not hold half a surrogate pair; got {value[:60]!r}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ModelError(f"{where}: must hold finite numbers only; got {value}")
    elif value is not None and not isinstance(value, (bool, int)):
        raise ModelError(f"{where}: must hold what JSON can hold; got a {type(value).__name__}")


def _depth(value: object) -> int:
    """Levels of objects and lists inside each other, counted without recursion, no further than the limit."""
    level: list[Any] = [value] if isinstance(value, (Mapping, list, tuple)) else []
    for depth in range(MAX_DEPTH + 1):
        level = [
            item
            for outer in level
            for item in (outer if type(outer) in _LISTS else outer.values())
            if type(item) in _NESTED
        ]
        if not level:
            return depth
    return MAX_DEPTH + 1


def write_json(value: Json) -> bytes:
    """Return indented UTF-8 with a final newline; the same bytes for the same value."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()
