"""Formulas of a page as MathML, which browsers draw by themselves: nothing is loaded for them."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    r"""Return the HTML of a ```math fence.

    Args:
        source: the LaTeX in it, as `peephole.equations.emit_latex` writes it.
        language: the fence's language, `math`.
        css_class: the class of the box around the formula.
        options: of the fence; there are none.
        md: the Markdown converter, which is not needed.

    Returns:
        A box with a MathML formula. What is wider than the page scrolls inside of it.

    Raises:
        ValueError: the formula holds an environment that would be shown as plain letters.
    """
    # The converter knows `align*` and not `aligned`; inside of a display they draw the same.
    known = source.replace(r"\begin{aligned}", r"\begin{align*}").replace(r"\end{aligned}", r"\end{align*}")
    drawn = convert(known, display="block")
    if "\\" in drawn or "<mi>&</mi>" in drawn:
        raise ValueError(f"math fence: the converter does not know all of it; got {source!r}")
    return f'<div class="{css_class}">{drawn}</div>'
