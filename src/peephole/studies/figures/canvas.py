"""How every figure looks: one palette for light and dark, letters that stay letters, and the same bytes for the same numbers.

Colours are those of Okabe & Ito (2008), which colour-blind readers tell apart, darkened for white ground and lightened for black.
A drawing brings its own ground; where the reader's system is set to dark, a style sheet inside it puts the dark colours in place
of the light ones. Lines differ in their dashes or names too, for readers without colour.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from peephole.errors import require
from peephole.studies.figures.chapter import Chapter, Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUND, INK, SOFT, RULE = "#ffffff", "#24292f", "#57606b", "#d8dee5"
BLUE, ORANGE, GREEN, PURPLE, GOLD = "#0072b2", "#c95100", "#00805e", "#9b4f96", "#9a6b00"

_DARK: Final = {
    GROUND: "#0d1117", INK: "#e6edf3", SOFT: "#9da7b3", RULE: "#30363d",
    BLUE: "#58b6f0", ORANGE: "#ff9a4d", GREEN: "#3fcfa0", PURPLE: "#d79ad2", GOLD: "#efc04a",
}  # fmt: skip

_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",  # letters stay letters: they can be read aloud, searched and set larger
    "svg.hashsalt": "peephole",
    "font.family": "DejaVu Sans",  # comes with matplotlib: widths are the same everywhere
    "font.size": 9.0,
    "figure.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "axes.facecolor": "none",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}


def figure_svg(chapter: Chapter, numbers: Numbers) -> str:
    """Return a chapter's figure as SVG, ended by a line end.

    Args:
        chapter: which.
        numbers: of its items.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    mpl = require("matplotlib", extra="figures", purpose="drawing figures")
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # what a reader's own settings say plays no part
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=chapter.size)
        FigureCanvasSVG(figure)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.09)
        chapter.draw(numbers, figure)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _finished(target.getvalue(), chapter.title, chapter.about)


def _finished(drawing: str, title: str, about: str) -> str:
    """Give a drawing its words for those who cannot see it, and its dark colours."""
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"\s*<metadata>.*?</metadata>", "", drawing, flags=re.S)
    drawing = drawing.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    rules = "".join(
        f'\n  [style*="{kind}: {light}"] {{ {kind}: {dark} !important; }}'
        for light, dark in _DARK.items()
        for kind in ("fill", "stroke")
    )
    words = (
        f'<svg role="img" aria-labelledby="title about"'
        f'{drawing[4 : drawing.index(">")]}>\n <title id="title">{escape(title)}</title>\n'
        f' <desc id="about">{escape(about)}</desc>\n'
        f" <style>\n @media (prefers-color-scheme: dark) {{{rules}\n }}\n </style>"
    )
    drawing = words + drawing[drawing.index(">") + 1 :]
    return "\n".join(line.rstrip() for line in drawing.splitlines()) + "\n"


def band(
    axes: Axes,
    x: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    color: str,
    alpha: float = 0.18,
) -> None:
    """Fill what lies between the least and the greatest."""
    axes.fill_between(np.asarray(x), np.asarray(low), np.asarray(high), color=color, alpha=alpha, linewidth=0)


def name_line(axes: Axes, x: float, y: float, words: str, color: str) -> None:
    """Write a line's name on it, in its colour; the ground shows through the letters, not the line."""
    box = {"facecolor": GROUND, "edgecolor": "none", "pad": 1.5}
    axes.text(x, y, words, color=color, ha="center", va="center", fontsize=8.5, bbox=box)
