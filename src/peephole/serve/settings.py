"""`Settings`: everything that can be chosen of a server, in one table; options and environment variables are made from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from peephole.classifier.rules import Problem, Rule, flag, number, pattern, refuse, whole
from peephole.errors import OptionError

PREFIX = "PEEPHOLE_"
SECRET = frozenset({"token"})

_ORIGIN = pattern(
    r"\*|https?://[^\s/,]+", "must be an origin such as https://example.org, without a path, or *"
)
_HOST = pattern(
    r"\*|[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]",
    "must be a host name or an address, without a port, or *",
)
_TOKEN = pattern(r"[\x21-\x7e]{8,512}", "must be 8 to 512 printable ASCII characters without spaces")


def _each(rule: Rule) -> Rule:
    """A tuple whose every member keeps a rule."""
    return Rule(rule.text, lambda value: isinstance(value, tuple) and all(map(rule.allows, value)))


def _or_none(rule: Rule) -> Rule:
    return Rule(rule.text, lambda value: value is None or rule.allows(value))


def _setting(rule: Rule, default: object, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"rule": rule, "meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Settings:
    """What can be chosen of a server. `setting_names`, `meaning` and `variable` tell of each field.

    Raises:
        OptionError: a setting is out of range; every problem is named.

    Example:
        >>> Settings(port=80).port, variable("cors_origin")
        (80, 'PEEPHOLE_CORS_ORIGIN')
        >>> Settings(workers=0)
        Traceback (most recent call last):
        peephole.errors.OptionError: Settings, workers: must be a whole number from 1 to 64; got 0
    """

    models: tuple[str, ...] = _setting(
        _each(pattern(r"[^,\0]+", "must be a model's name, its folder or NAME=FOLDER")),
        (),
        "models by name or folder; NAME=FOLDER gives a folder a name of your own; none: the model inside the package",
    )
    host: str = _setting(
        pattern(r"[A-Za-z0-9.:_-]{1,253}", "must be an address or a host name"),
        "127.0.0.1",
        "address to listen on; 0.0.0.0 is every one of the machine",
    )
    port: int = _setting(whole(0, 65_535), 8000, "port to listen on; 0 is any free one")
    workers: int = _setting(whole(1, 64), 1, "processes that answer, on the one port")
    token: str | None = _setting(
        _or_none(_TOKEN), None, "what clients must send as 'Authorization: Bearer TOKEN'"
    )
    cors_origin: tuple[str, ...] = _setting(
        _each(_ORIGIN), (), "origins whose pages may call the server from a browser; * is any"
    )
    allowed_host: tuple[str, ...] = _setting(
        _each(_HOST),
        (),
        "names to answer under, besides localhost; * is any; none: any, unless it listens on the loopback address",
    )
    body_bytes: int = _setting(whole(1024, 1 << 30), 1 << 20, "bytes of a request's body, at most")
    request_texts: int = _setting(whole(1, 100_000), 128, "texts of a request, at most")
    text_characters: int = _setting(whole(1, 1 << 28), 100_000, "characters of a text, at most")
    explain_characters: int = _setting(
        whole(1, 1 << 20), 2000, "characters of a text that is explained, at most"
    )
    long_characters: int = _setting(
        whole(1, 1 << 28), 16_000, "characters above which a text waits in the lane of long ones"
    )
    batch_tokens: int = _setting(whole(1, 1 << 24), 16_384, "tokens that are run together, at most")
    queue_texts: int = _setting(
        whole(1, 1_000_000), 96, "texts that may wait or run; more requests are refused with 503"
    )
    queue_explanations: int = _setting(
        whole(1, 10_000), 8, "explanations that may wait or run; likewise, on their own"
    )
    deadline_seconds: float = _setting(
        number(0.01, 3600), 30.0, "seconds from a request's arrival to its answer, at most; then 504"
    )
    read_seconds: float = _setting(
        number(0.01, 3600),
        10.0,
        "seconds in which a client must send its head, and as many again for the body",
    )
    write_seconds: float = _setting(
        number(0.01, 3600),
        10.0,
        "seconds in which a client must take some more of an answer that waits for it",
    )
    connections: int = _setting(
        whole(1, 1_000_000),
        1000,
        "connections open at once in each process, at most; more are refused with 503",
    )
    head_bytes: int = _setting(whole(1024, 1 << 20), 16_384, "bytes of a request's line and headers, at most")
    keep_alive_seconds: float = _setting(
        number(0, 3600), 30.0, "seconds that a connection may be idle between requests"
    )
    log_texts: bool = _setting(flag(), False, "write the texts of requests into the log")

    def __post_init__(self) -> None:
        found = [_problem(name, name, getattr(self, name)) for name in setting_names()]
        refuse(OptionError, "Settings", [problem for problem in found if problem is not None])


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, in the order of the table."""
    return tuple(field.name for field in dataclasses.fields(Settings))


def meaning(name: str) -> str:
    """Return what a setting means, as a phrase."""
    return _field(name).metadata["meaning"]


def rule_text(name: str) -> str:
    """Return what a setting must be, as a phrase that begins with "must be"."""
    return _field(name).metadata["rule"].text


def kind(name: str) -> str:
    """Return the type of a setting as it is written: ``"int"``, ``"float"``, ``"str"``, ``"bool"`` or a tuple of texts."""
    return str(_field(name).type).partition(" |")[0]


def default(name: str) -> Any:
    """Return the default of a setting."""
    return _field(name).default


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def option(name: str) -> str:
    """Return the option of ``peephole serve`` for a setting."""
    return "--" + name.replace("_", "-")


def read_settings(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the settings that options give, and for those not given the environment.

    Args:
        given: option's value by setting's name; None and empty lists are not given.
        environ: as `os.environ`; an empty variable counts as not set. Tuples are separated by commas.

    Raises:
        OptionError: a value is out of range, each named by its option or variable.

    Example:
        >>> read_settings({"port": 9000}, {"PEEPHOLE_PORT": "1", "PEEPHOLE_LOG_TEXTS": "yes"}).port
        9000
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in setting_names():
        value, place = given.get(name), "MODEL" if name == "models" else option(name)
        if value is None or value == () or value == []:
            written = environ.get(variable(name), "")
            if not written:
                continue
            value, place = _parsed(name, written), f"the environment variable {variable(name)}"
        value = tuple(value) if kind(name).startswith("tuple") else value
        problem = _problem(name, place, value)
        if problem is None:
            values[name] = value
        else:
            problems.append(problem)
    refuse(OptionError, "serve", problems)
    return Settings(**values)


def _parsed(name: str, written: str) -> Any:
    """The value that a variable's text stands for; the text itself where it stands for none."""
    if kind(name).startswith("tuple"):
        return tuple(part.strip() for part in written.split(",") if part.strip())
    if kind(name) == "bool":
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(
            written.lower(), written
        )
    readers: dict[str, Callable[[str], Any]] = {"int": int, "float": float}
    try:
        return readers.get(kind(name), str)(written)
    except ValueError:
        return written


def _problem(name: str, place: str, value: object) -> Problem | None:
    """What is wrong with a value, without the value itself where it is a secret."""
    rule: Rule = _field(name).metadata["rule"]
    if name in SECRET and isinstance(value, str) and not rule.allows(value):
        return place, f"{rule.text}; got {len(value)} characters"
    return rule.problem(place, value)


def _field(name: str) -> dataclasses.Field[Any]:
    return {field.name: field for field in dataclasses.fields(Settings)}[name]
