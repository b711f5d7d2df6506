"""Elements that are safe to show anywhere."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import pytest

from peephole.markup import element, escaped, picture, see_through, table


def test_texts_and_attributes_cannot_leave_their_place() -> None:
    hostile = "</td><script>1</script>\"' & \u202e\x00"
    shown = table([[escaped(hostile), element("i", escaped(hostile), title=hostile)]])
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert shown.count("</td>") == 1
    assert 'title="&lt;/td&gt;&lt;script&gt;1&lt;/script&gt;&quot;&#x27; &amp; ��"' in shown


def test_a_picture_holds_each_colour_and_its_opacity() -> None:
    palette = [((255, 0, 0), 0), ((0, 255, 0), 128), ((0, 0, 255), 255)]
    address = picture(bytes([0, 1, 2, 2, 1, 0]), 3, palette)
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    read = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)), format="png")
    assert read.shape == (2, 3, 4)
    assert (read[0] * 255).round().tolist() == [[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]
    assert (read[1] * 255).round().tolist() == [[0, 0, 255, 255], [0, 255, 0, 128], [255, 0, 0, 0]]


@pytest.mark.parametrize(("share", "shown"), [(-1, ".00"), (0.5, ".50"), (0.999, "1.00"), (7, "1.00")])
def test_a_share_outside_of_its_range_is_taken_to_the_border(share: float, shown: str) -> None:
    assert see_through((1, 2, 3), share) == f"rgba(1,2,3,{shown})"


def test_columns_are_aligned_as_asked() -> None:
    shown = table([["a", "1", "<td>ready</td>"]], head=["x", "y", "z"], align="<>")
    assert shown.count("text-align:right") == 2
    assert "<td>ready</td>" in shown
