"""A set of settings: checked when it is made, written as JSON, read from it, and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, cast

from peephole.errors import OptionError, nearest
from peephole.training.setting import Setting, problem_with

S = TypeVar("S", bound="Settings")


class Settings:
    """Base of the frozen dataclasses whose every field is declared by `setting`."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def check(self, where: str) -> None:
        """Raise `OptionError` that lists every setting that cannot be used; for `__post_init__`.

        Lists become tuples and mappings are copied: JSON has lists, and a caller's dict may change later.
        """
        fields = dataclasses.fields(self)
        for field in fields:
            value = getattr(self, field.name)
            if str(field.type).startswith("tuple") and isinstance(value, list):
                object.__setattr__(self, field.name, tuple(cast("list[str]", value)))
            if str(field.type).startswith("Mapping") and isinstance(value, Mapping):
                object.__setattr__(self, field.name, dict(cast("Mapping[str, str]", value)))
        named = [(field.name, problem_with(field, getattr(self, field.name))) for field in fields]
        problems = [f"{name}: {problem}" for name, problem in named if problem] or self.contradictions()
        if problems:
            count = "one setting" if len(problems) == 1 else f"{len(problems)} settings"
            raise OptionError("\n  ".join([f"{where}: {count} cannot be used", *problems]))

    def contradictions(self) -> list[str]:
        """Return what is wrong between settings, each of which may be had."""
        return []

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values for JSON, in the order they are declared."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls: type[S], values: Mapping[str, Any], *, where: str = "recipe") -> S:
        """Build the settings from `to_json`'s values; a setting that is left out has its default.

        Args:
            values: settings by name.
            where: what a message calls the source, for example a file's name.

        Raises:
            OptionError: a name is unknown, or a value cannot be used.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = [f"{name!r}{nearest(name, known)}" for name in values if name not in known]
        if unknown:
            plural = "s" if len(unknown) > 1 else ""
            raise OptionError(f"{where}: unknown setting{plural} {', '.join(unknown)}")
        return cls(**dict(values))

    def differences(self: S, other: S) -> list[str]:
        """Name the settings in which two sets differ, as ``name: ours, theirs``."""
        theirs = other.to_json()
        return [
            f"{name}: {ours!r}, {theirs[name]!r}"
            for name, ours in self.to_json().items()
            if ours != theirs[name]
        ]


def meanings(kind: type[Settings]) -> dict[str, Setting]:
    """Return what every setting of a kind means, by its name, in the order they are declared."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(kind)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(cast("tuple[Any, ...]", value))
    return dict(cast("Mapping[Any, Any]", value)) if isinstance(value, Mapping) else value
