"""Links that restore the page of a server, whoever wrote them, and the file that it gives away."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from selenium.webdriver.support.ui import WebDriverWait

import peephole
from peephole.insight.explanations import explain
from support.browsing import PATIENCE, all_of, complaints, few, find, until
from support.live_page import BUT, Live, said_of, said_while_held

BOTH = ("layer0.forward", "layer0.reverse")


def test_a_link_restores_text_models_and_holds(live: Live) -> None:
    browser = live.open("Zeile eins\n“zwei” & drei=3 #4 \U0001f642 100%")
    live.choose("#other", "model:gates-of-a-gru")
    live.slide("keep", 0.35)
    live.choose(".holds select", "layer0.reverse")
    live.settle()
    expected = browser.execute_script("return peephole.page.choice")
    verdicts = [live.verdict(0), live.verdict(1)]
    browser.execute_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })"
    )
    find(browser, ".acts button").click()
    field = find(browser, ".acts .link")
    assert field.is_displayed()
    assert browser.switch_to.active_element == field
    link = field.get_property("value")
    assert link.startswith(live.server.url + "/#text=")
    live.open(None, link.partition("#")[2])
    assert browser.execute_script("return peephole.page.choice") == expected
    assert [live.verdict(0), live.verdict(1)] == verdicts
    assert complaints(browser) == []


def test_the_link_is_put_into_the_clipboard_where_that_is_allowed(live: Live, before_page: Any) -> None:
    before_page("navigator.clipboard.writeText = async (text) => void (window.copied = text)")
    browser = live.open("Good.")
    find(browser, ".acts button").click()
    until(browser, "document.querySelector('.acts button').textContent === 'Copied'")
    assert browser.execute_script("return window.copied") == f"{live.server.url}/#text=Good.&model=reviews"


HOSTILE = {
    "markup": urlencode({"text": "</script><img src=x onerror=\"document.title='owned'\"> good"}),
    "unknown models": "text=good&model=<b>x</b>&with=model:nobody",
    "a kind of company that is none": "text=good&with=__proto__:reviews",
    "numbers that are none": "text=good&hold=f:NaN&hold=i:Infinity&hold=o:1e999&hold=f:&hold=i:0x1&hold=o:-0.5&hold=f:2",
    "names of prototypes": "text=good&hold=__proto__:1&hold=constructor:0.5&hold=toString:0&hold=hasOwnProperty:1",
    "gates that are none": "text=good&hold=h:5&hold=%22%3E%3Cscript%3E:0.5&hold=:0.5",
    "a place that is none": "text=good&hold=f:0.5&where=layer0.forward/NaN",
    "a unit that is none": "text=good&hold=f:0.5&where=layer0.forward/999999",
    "a place with markup": "text=good&where=<img src=x onerror=alert(1)>",
    "broken escapes": "text=good%&hold=%E0%A4%A",
    "everything twice": "text=good&text=bad&model=reviews&model=without-gates",
    "nothing after it": "&&&===;;;",
    "ten thousand holds": "text=good" + "&hold=x:0.5" * 10_000,
}


@pytest.mark.parametrize(
    "name", few(HOSTILE, "markup", "names of prototypes", "numbers that are none", "a place that is none")
)
def test_a_hostile_link_is_a_text_or_nothing(live: Live, name: str) -> None:
    browser = live.open(None, HOSTILE[name])
    assert browser.title.endswith("· Peephole")
    assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert not all_of(browser, "img, script[src]")
    assert not all_of(browser, ".problem:not([hidden])")
    assert browser.execute_script(
        "return ({}).polluted === undefined && Object.keys(Object.prototype).length === 0"
    )
    live.slide("keep", 0.5)
    live.settle()
    assert complaints(browser) == []


def test_a_share_is_read_however_it_is_written(live: Live) -> None:
    live.open("good", "hold=f:.5&hold=i:1.0&hold=o:0")
    held = {
        f"{track}.{gate}": share for track in BOTH for gate, share in (("f", 0.5), ("i", 1.0), ("o", 0.0))
    }
    assert live.verdict() == said_while_held(live.models["reviews"], "good", held)


def test_a_text_of_another_systems_lines_is_that_of_the_field(live: Live) -> None:
    live.open(None, "text=" + quote("good\r\nand\rbad"))
    assert live.text == "good\nand\nbad"
    live.word("bad").click()
    find(live.browser, ".readout.held .tools button").click()
    live.settle()
    assert live.text == "good\nand"


@pytest.mark.slow
def test_a_link_of_a_hundred_kilobytes_is_refused_in_words(live: Live) -> None:
    live.go("text=" + "good%20" * 21_000)
    until(live.browser, "document.querySelector('.problem p')")
    assert "must" in find(live.browser, ".problem").text
    live.put("good")
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], "good")


def downloaded(live: Live, folder: Path) -> Path:
    live.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    all_of(live.browser, ".acts button")[1].click()
    wait = WebDriverWait(live.browser, PATIENCE, poll_frequency=0.05)
    return wait.until(lambda _: next(iter(folder.glob("*.html")), None))


def test_the_file_is_opened_from_disk_with_all_figures(live: Live, tmp_path: Path) -> None:
    browser = live.open()
    path = downloaded(live, tmp_path)
    until(browser, "document.querySelectorAll('.acts button')[1].textContent === 'Download'")
    assert complaints(browser) == []
    browser.get(path.as_uri())
    assert browser.execute_script("return location.protocol") == "file:"
    assert [section.get_attribute("id") for section in all_of(browser, "section")] == [
        "gates",
        "belt",
        "highway",
        "phrases",
        "trust",
    ]
    found = explain(peephole.load(), BUT, faithfulness=False)
    assert [word.text for word in all_of(browser, ".text .word")] == [word.text for word in found.text.words]
    assert (find(browser, "h1").text, find(browser, ".sure").text) == said_of(live.models["reviews"], BUT)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert complaints(browser) == []


def test_the_file_of_a_held_model_is_of_the_held_model(live: Live, tmp_path: Path) -> None:
    browser = live.open(fragment="hold=f:0.1")
    expected = live.verdict()
    path = downloaded(live, tmp_path)
    browser.get(path.as_uri())
    assert (find(browser, "h1").text, find(browser, ".sure").text) == expected
    assert complaints(browser) == []
