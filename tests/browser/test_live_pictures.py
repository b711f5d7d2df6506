"""Pictures of the page of a server, for the documents; `--screenshots docs/how-to/images` writes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browsing import until
from support.live_page import Live


@pytest.fixture
def bare(live: Live) -> Iterator[Live]:
    """The page in a window without scroll bars, which look different on every system."""
    live.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    yield live
    live.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": False})


def test_pictures_are_taken_of_a_held_gate_a_held_word_and_a_phone(bare: Live, pictures: Path | None) -> None:
    bare.open(width=1360, height=740, fragment="with=free:&hold=f:0.2")
    taken = {"page-held": picture(bare.browser)}
    bare.open(width=1280, height=700)
    bare.word("boring").click()
    bare.browser.execute_script("scrollTo(0, 0)")
    taken["page-word"] = picture(bare.browser)
    bare.open(width=390, height=760, scale=2)
    taken["page-phone"] = picture(bare.browser)
    for name, image in taken.items():
        assert 10_000 < len(image) < 150_000, name
        if pictures is not None:
            (pictures / f"{name}.png").write_bytes(image)


def picture(browser: Any) -> bytes:
    """What the window shows, as a PNG of 256 colours."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which matplotlib brings")
    until(browser, "!document.querySelector('.figures.old')")
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    small = io.BytesIO()
    shown = image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
    few = shown.quantize(256, image.Quantize.MAXCOVERAGE, kmeans=4, dither=image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    return small.getvalue()
