"""What tests of pages do in a browser: find, press, listen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

# What a page may take, on a machine that does much else, before a test fails.
PATIENCE = 60.0


def few(names: Iterable[str], *quick: str) -> list[Any]:
    """Cases of a test, of which all but some are slow together."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def all_of(browser: Any, selector: str) -> list[Any]:
    return browser.find_elements("css selector", selector)


def seen(browser: Any, element: Any) -> Any:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    return element


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    chain = ActionChains(browser, duration=0)
    for key in keys:
        chain = chain.send_keys(key)
    chain.perform()


def chord(browser: Any, *keys: str) -> None:
    """Press keys together, the last one while the others are down."""
    from selenium.webdriver import ActionChains

    chain = ActionChains(browser, duration=0)
    for key in keys[:-1]:
        chain = chain.key_down(key)
    chain = chain.send_keys(keys[-1])
    for key in keys[:-1]:
        chain = chain.key_up(key)
    chain.perform()


def complaints(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def until(browser: Any, condition: str, *arguments: object) -> Any:
    """Wait until an expression of the page is true, and return it; fail with it otherwise."""
    from selenium.webdriver.support.ui import WebDriverWait

    def holds(browser: Any) -> Any:
        return browser.execute_script(f"return ({condition})", *arguments)

    return WebDriverWait(browser, PATIENCE, poll_frequency=0.02).until(holds, condition)


def window(browser: Any, width: int, height: int = 900, *, scale: float = 1, scheme: str = "light") -> None:
    """Give the page a window of some size, light or dark; nothing moves by itself, so that nothing has to be waited for."""
    media = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media, "media": ""})
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
