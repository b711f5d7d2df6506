"""Looking inside: traces, holds, the conveyor, the gradient highway, and explanations with their faithfulness.

Nothing here imports torch; a torch layer that is given is read as NumPy arrays.
"""

from __future__ import annotations

from peephole.insight.belt import Belt as Belt
from peephole.insight.belt import belts as belts
from peephole.insight.highway import Highway as Highway
from peephole.insight.highway import TrackGradients as TrackGradients
from peephole.insight.highway import highway as highway
from peephole.insight.holds import Hold as Hold
from peephole.insight.memory import Openness as Openness
from peephole.insight.memory import gates_of as gates_of
from peephole.insight.memory import half_lives as half_lives
from peephole.insight.memory import openness as openness
from peephole.insight.memory import roles_of as roles_of
from peephole.insight.survival import Survival as Survival
from peephole.insight.survival import survival as survival
from peephole.insight.trace import Trace as Trace
from peephole.insight.trace import TracedText as TracedText
from peephole.insight.tracing import clamp as clamp
from peephole.insight.tracing import trace as trace

__all__ = [
    "Belt",
    "Highway",
    "Hold",
    "Openness",
    "Survival",
    "Trace",
    "TracedText",
    "TrackGradients",
    "belts",
    "clamp",
    "gates_of",
    "half_lives",
    "highway",
    "openness",
    "roles_of",
    "survival",
    "trace",
]
