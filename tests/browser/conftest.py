"""A browser without a window, where there is one."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browsing import window
from support.live_page import Live, models_to_serve
from support.processes import process

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,900",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="write the pictures of the documents there")


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures for the documents are to be written."""
    folder = request.config.getoption("--screenshots")
    if folder is None:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with an empty profile; the tests skip, with the reason, where it is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)")
    selenium = pytest.importorskip("selenium", reason="needs selenium (the dev extra)")
    del selenium
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        chrome = Chrome(options=options, service=Service(driver))
        yield chrome
        chrome.quit()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Any:
    """Open a page from a file, in a window of some width, light or dark; the last page's messages are forgotten."""

    def opened(
        page: str, *, width: int = 1280, scheme: str = "light", path: Path = tmp_path / "page.html"
    ) -> Any:
        path.write_text(page, encoding="utf-8")
        window(browser, width, scheme=scheme)
        browser.get_log("browser")
        browser.get(path.as_uri())
        return browser

    return opened


@pytest.fixture(scope="session")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of three models as a process of its own, and the browser that asks it."""
    del browser
    models, names = models_to_serve(tmp_path_factory.mktemp("models"))
    with process(*names) as server:
        yield Live(None, server, models)


@pytest.fixture
def live(browser: Any, served: Live) -> Live:
    """The page of that server, not yet opened; what an earlier test kept in the browser is forgotten."""
    browser.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": served.server.url, "storageTypes": "all"}
    )
    return Live(browser, served.server, served.models)


@pytest.fixture
def before_page(browser: Any) -> Iterator[Any]:
    """Run a script before those of each page that is opened."""
    given: list[str] = []

    def run(script: str) -> None:
        added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        given.append(added["identifier"])

    yield run
    for identifier in given:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})
