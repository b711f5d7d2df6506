"""What the figures of a track show, in plain sentences made of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peephole.insight.page.schema import Caption, Numbers, TrackItem, WordItem
from peephole.insight.page.wording import distinct, joined, joint, percent, word_at


def gates_caption(track: TrackItem, words: Sequence[WordItem]) -> Caption:
    """Say what the gates do on average, and where they do most."""
    means = {gate["role"]: gate["mean"] for gate in reversed(track["gates"])}
    keep, write = means.get("keep"), means.get("write")
    if not track["gates"]:
        return [
            "A plain recurrent network has no gates: its whole state is rewritten at every step. Shown is that state."
        ]
    if not keep or not track["units"]:
        return []
    parts = [f"From one step to the next, units keep {percent(_mean(keep))} of what they hold"]
    if write:
        parts.append(f" and let in {percent(_mean(write))} of what is new")
    caption: Caption = ["".join(parts), ", on average. "]
    if len(keep) > 2:
        least = _place(keep, min)
        caption += ["Most is let go at ", word_at(least, words), f" (keep {percent(keep[least] or 0)})"]
        if write:
            most = _place(write, max)
            caption += [
                "; most is let in at ",
                word_at(most, words),
                f" (write {percent(write[most] or 0)})",
            ]
        caption.append(".")
    return joined(caption)


def belt_caption(track: TrackItem, words: Sequence[WordItem]) -> Caption:
    """Say what is left at the end, and who put it on."""
    belt = track["belt"]
    if belt is None or not belt["put_size"]:
        return []
    put, left = ([number or 0.0 for number in belt[name]] for name in ("put_size", "left_size"))
    whole = sum(left)
    if not whole or not sum(put):
        return ["Nothing is left at the end."]
    shares: dict[int, float] = {}
    for n, word in enumerate(words):
        shares[n] = sum(left[word["first"] : word["end"]]) / whole
    best = distinct(sorted(shares, key=lambda n: -shares[n]), words)[:3]
    caption: Caption = ["Of what is left at the end of reading"]
    if track["reverse"]:
        caption.append(", which is the start of the text")
    caption.append(", most was put on by ")
    for place, n in enumerate(best):
        caption += [("", ", ", " and ")[joint(place, len(best))], n, f" ({percent(shares[n])})"]
    caption.append(f". Of all that was ever put on the belt, {percent(whole / sum(put))} is still there.")
    return joined(caption)


def gradient_caption(track: TrackItem, words: Sequence[WordItem]) -> Caption:
    """Say how much of the gradient gets back to the first step read, and along which way."""
    gradient = track["gradient"]
    if gradient is None or len(gradient["total"]) < 2:
        return []
    first, last = (-1, 0) if track["reverse"] else (0, -1)
    near, far = gradient["total"][last] or 0.0, gradient["total"][first] or 0.0
    if not near:
        return ["The verdict does not react to the memory at the last step read."]
    columns = len(gradient["total"])
    start, end = word_at(first % columns, words), word_at(last % columns, words)
    caption: Caption = ["The verdict reacts ", _times(far / near), " strongly to the memory at ", start]
    caption += [", the first word read, as to that at ", end, ", the last."]
    direct, gates = gradient["direct"][first] or 0.0, gradient["gates"][first] or 0.0
    if track["belt"] is not None and direct + gates:
        share = percent(direct / (direct + gates))
        caption.append(
            f" Of what gets back that far, {share} came along the belt alone, the rest through gates."
        )
    return joined(caption)


def _times(ratio: float) -> str:
    if 0.95 <= ratio < 1.05:
        return "about as"
    return f"{ratio:.2g} times as" if ratio >= 0.01 else "less than a hundredth as"


def _mean(numbers: Numbers) -> float:
    return sum(number or 0.0 for number in numbers) / len(numbers)


def _place(numbers: Numbers, pick: Callable[[list[float]], float]) -> int:
    known = [number or 0.0 for number in numbers]
    return known.index(pick(known))
