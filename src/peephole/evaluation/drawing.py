"""Drawings as SVG that takes its colours from the page: one drawing for light, dark and paper.

matplotlib (the `figures` extra) is imported by the function that draws, and draws on a canvas of its own without pyplot's
global state.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from peephole.errors import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib is given these stand-ins, and the page's variables are written over them.
INK, SOFT, RULE, ACCENT, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", SOFT: "--soft", RULE: "--rule", ACCENT: "--accent", SECOND: "--second"}

_STYLE: dict[str, object] = {
    "svg.fonttype": "none",  # letters stay letters: they can be read aloud, searched and set in the page's font
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "axes.unicode_minus": True,
}
# A legend in one line above the axes, where no curve can run through it.
ABOVE: Final[dict[str, Any]] = {
    "loc": "lower right",
    "bbox_to_anchor": (1.0, 1.0),
    "ncols": 2,
    "borderpad": 0.2,
    "borderaxespad": 0.0,
    "columnspacing": 1.2,
    "handlelength": 1.6,
}
_WIDTH = 4.6  # inches; 442 CSS pixels at full size, so that a telephone shrinks the letters only a little


def drawing_modules() -> tuple[ModuleType, ModuleType, ModuleType]:
    """Import matplotlib's parts that draw: its styles, its figures and its SVG canvas.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    style, figure, canvas = (
        require(f"matplotlib.{part}", extra="figures", purpose="drawing figures")
        for part in ("style", "figure", "backends.backend_svg")
    )
    return style, figure, canvas


def drawn(
    name: str, height: float, paint: Callable[[Figure], None], *, colors: Mapping[str, str] | None = None
) -> str:
    """Return what `paint` draws as an element for a page.

    Args:
        name: of the figure; prefixed to every id, so that several figures can share a page.
        height: in inches.
        paint: draws on the empty figure that it is given, in `INK` and the other colours of this file.
        colors: stand-in → the page's variable, for more colours; a stand-in is one that nothing else is drawn in.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    style, module, canvas = drawing_modules()
    written = io.StringIO()
    # "default" first: a user's own matplotlibrc must not change the report.
    with style.context(["default", {**_STYLE, "svg.hashsalt": name}]):
        figure = module.Figure(figsize=(_WIDTH, height), layout="constrained")
        canvas.FigureCanvasSVG(figure)
        paint(figure)
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return _for_a_page(written.getvalue(), name, {**VARIABLES, **(colors or {})})


def _for_a_page(svg: str, name: str, variables: Mapping[str, str]) -> str:
    """Turn matplotlib's SVG file into an element of an HTML page.

    No XML head, no metadata, no style sheet and no address of a name space (HTML knows SVG by itself); ids with
    a prefix; the page's font and colours.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>", "", svg)
    svg = re.sub(r'\s(xmlns(:xlink)?|version)="[^"]*"', "", svg)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for stand_in, variable in variables.items():
        svg = svg.replace(stand_in, f"var({variable})")
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
