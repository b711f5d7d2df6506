"""Clauses that fill a slot of the frames with a contrast."""

CLAUSES = (
    "{the} {be} {+adj}",
    "{the} {be} {+adj}",
    "{the} {be} [very|really|quite|so|rather] {+adj}",
    "{the} {be} {+strong}",
    "{the} {be} {+adj} and {+adj2}",
    "{the} {+did}",
    "{the} {be} not {-adj}",
    "{the} did not {-do}",
)
THING_CLAUSES = ("{the} {be} {+np}", "{the} {+pleased}", "{the} {be} {+own}", "{the} {be} full of {+mass}")
OWN_CLAUSES = (
    "I {+verbed} {the}",
    "I {+loved} {the}",
    "I did not {-verb} {the}",
    "{the} left me with {+trace}",
)
