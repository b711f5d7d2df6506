"""`Preprocessing`: what was done to a text before the first stage."""

from __future__ import annotations

import dataclasses
from typing import Literal

from peephole.classifier.rules import Problem, choice, field_problems, flag, ruled, whole

_CROP = whole(0, 1 << 31)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What was done to texts before the first stage.

    Args:
        tokenizer: ``"bpe"`` or ``"word"``, as `Tokenizer.train` takes it.
        lowercase: whether the tokenizer lowers case.
        first_tokens: in training, longer texts kept this many of their first tokens …
        last_tokens: … and this many of their last. None for both: texts were whole. For information: prediction reads
            whole texts.
    """

    tokenizer: Literal["bpe", "word"] = ruled(choice("bpe", "word"), default="bpe")
    lowercase: bool = ruled(flag(), default=True)
    first_tokens: int | None = None
    last_tokens: int | None = None

    def problems(self) -> list[Problem]:
        """Return every field out of range, with its path."""
        found = field_problems(self, "preprocessing")
        for name, value in (("first_tokens", self.first_tokens), ("last_tokens", self.last_tokens)):
            if value is not None and (problem := _CROP.problem(f"preprocessing.{name}", value)):
                found.append(problem)
        if (self.first_tokens is None) != (self.last_tokens is None):
            found.append(("preprocessing", "must give both first_tokens and last_tokens, or neither"))
        return found
