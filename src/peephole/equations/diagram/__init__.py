"""The drawing of a cell, in four steps: what there is to draw, where it stands, how the wires run, and the SVG.

    picture   the traced graph as boxes and wires: yellow layers, red pointwise operations, states on the left and right
    place     a column and a row for every box
    route     orthogonal wires on a grid that is wide enough, then closed up where nothing runs
    svg       the text of the file

Nothing here knows a particular cell: where things stand follows from the graph, and from rules that put the state lines on top.
"""

from __future__ import annotations
