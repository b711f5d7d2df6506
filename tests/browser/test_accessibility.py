"""Both pages for everybody: axe finds nothing, the keyboard reaches all, and nothing moves, shakes or is read twice."""

from __future__ import annotations

from typing import Any

import pytest

import peephole
from peephole.insight.page import explained_page, page_html
from support.axe import violations
from support.browsing import all_of, complaints, few, find, press, until, window
from support.live_page import BUT, Live
from support.small_models import small_classifier

TAB, ENTER, SPACE, ESCAPE, RIGHT = "\ue004", "\ue007", "\ue00d", "\ue00c", "\ue014"
STATES = {
    "one model": "",
    "two models": "with=model:gates-of-a-gru",
    "held": "with=free:&hold=f:0.2&where=layer0.forward",
}


WINDOWS = ["400 light", "400 dark", "1600 light", "1600 dark"]


@pytest.mark.slow
@pytest.mark.parametrize("size", few(WINDOWS, "400 light", "1600 dark"))
@pytest.mark.parametrize("state", few(STATES, "held"))
def test_axe_finds_nothing_wrong_with_the_page_of_a_server(live: Live, state: str, size: str) -> None:
    width, scheme = size.split()
    browser = live.open(width=int(width), scheme=scheme, fragment=STATES[state])
    assert violations(browser) == []
    live.word("boring").click()
    live.slide("keep", 0.3)
    live.settle()
    browser.execute_script("document.querySelectorAll('details').forEach((node) => (node.open = true))")
    until(browser, "document.querySelector('.table td') && !document.querySelector('.figures.old')")
    assert violations(browser) == []
    assert complaints(browser) == []


def test_axe_finds_nothing_wrong_with_a_refusal_no_text_and_a_form_for_the_token(
    live: Live, before_page: Any
) -> None:
    browser = live.open("")
    assert violations(browser) == []
    live.put("good film " * 201)
    until(browser, "document.querySelector('.problem:not([hidden])')")
    assert violations(browser) == []
    before_page("window.fetch = async () => new Response('{}', { status: 401 })")
    live.go()
    until(browser, "document.querySelector('#token')")
    assert violations(browser) == []


@pytest.mark.parametrize("size", few(WINDOWS, "400 dark"))
def test_axe_finds_nothing_wrong_with_the_page_of_a_file(open_page: Any, size: str) -> None:
    width, scheme = size.split()
    _, data = explained_page(peephole.load(), BUT)
    browser = open_page(page_html(data), width=int(width), scheme=scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((node) => (node.open = true))")
    until(browser, "document.querySelector('.table td')")
    browser.execute_script("peephole.state.light(3, 'hold')")
    assert violations(browser) == []


@pytest.mark.slow
def test_axe_finds_nothing_wrong_with_folded_layers_and_odd_labels(open_page: Any) -> None:
    model = small_classifier(cell="gru", num_layers=2, head=0, labels=["<b>", "odd one", "x"])
    browser = open_page(page_html(explained_page(model, "A good film.")[1]))
    assert violations(browser) == []


def stops(browser: Any, most: int = 80) -> list[str]:
    """What Tab reaches, in order, from the top of the page."""
    browser.execute_script("""
        const top = Object.assign(document.createElement("span"), { tabIndex: -1 });
        document.body.prepend(top);
        top.focus();
    """)
    found: list[str] = []
    for _ in range(most):
        press(browser, TAB)
        name = browser.execute_script("""
            const node = document.activeElement;
            const [label] = node.labels || [];
            return node === document.body ? "" : node.getAttribute("aria-label") || (label || node).textContent;
        """)
        if not name:
            break
        found.append(name)
    return found


@pytest.mark.parametrize("width", [400, 1280])
def test_tab_goes_through_the_page_in_the_order_in_which_it_is_seen(live: Live, width: int) -> None:
    browser = live.open(width=width)
    live.slide("keep", 0.3)
    live.settle()
    found = stops(browser)
    wanted = ["Copy link", "Download", "The text", "Negation", "Model", "Beside it", "Hold a gate"]
    if width > 1024:
        wanted += ["Where gates are held", "keep, f: how much of its memory it keeps", "Let keep go"]
    past = ["Undo", "Redo"]
    words = ["The text, word by word. The arrow keys go through it."]
    wanted += past + words if width > 1024 else words + past
    places = [found.index(name) for name in wanted]
    assert places == sorted(places)


def test_the_place_of_the_focus_can_be_seen(live: Live) -> None:
    browser = live.open()
    for _ in range(14):
        press(browser, TAB)
        outline = browser.execute_script(
            "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"
        )
        assert outline[0] != "none"
        assert outline[1] >= 2


def active(browser: Any) -> str:
    return browser.execute_script(
        "const n = document.activeElement; return n.getAttribute('aria-label') || n.textContent || n.className"
    )


def test_the_focus_is_not_lost_when_what_has_it_is_drawn_anew(live: Live) -> None:
    browser = live.open("The food was not good.")
    for selector in ("#side0-gates .plot", ".pick input", ".numbers summary", ".figures .text"):
        browser.execute_script("document.querySelector(arguments[0]).focus()", selector)
        before = active(browser)
        browser.execute_script(
            "const s = document.querySelector('.gate input'); s.value = Number(s.value) / 2; s.dispatchEvent(new Event('input'))"
        )
        live.settle()
        assert active(browser) == before
    browser.execute_script("document.querySelector('.gate.held .free').focus()")
    press(browser, ENTER)
    live.settle()
    assert active(browser).startswith("keep, f")
    live.word("not").click()
    browser.execute_script("document.querySelector('.tools button').focus()")
    press(browser, ENTER)
    live.settle()
    assert active(browser) == "Remove"
    undo = find(browser, ".past .bar button")
    browser.execute_script("arguments[0].focus()", undo)
    for _ in range(6):
        press(browser, ENTER)
        live.settle()
    assert active(browser) == "Undo"
    browser.execute_script("document.querySelector('.past li:last-child button').focus()")
    press(browser, SPACE)
    live.settle()
    assert active(browser).startswith("at first")
    browser.execute_script("document.querySelector('.more').focus()")
    press(browser, ENTER)
    until(browser, "document.querySelector('.figures .trust')")
    assert active(browser).startswith("The text, word by word")


def test_what_is_read_aloud_is_the_last_verdict_and_not_every_one(live: Live, before_page: Any) -> None:
    before_page("""
        window.said = [];
        const tell = ({ target }) => target.matches("p.unseen") && window.said.push(target.textContent);
        new MutationObserver((changes) => changes.forEach(tell)).observe(document, { childList: true, subtree: true });
    """)
    browser = live.open("")
    until(browser, "window.said.length === 1")
    browser.execute_script("""
        const area = document.querySelector("#text");
        window.typed = setInterval(() => {
          area.value += "good ";
          area.dispatchEvent(new Event("input"));
          if (area.value.length > 60) clearInterval(window.typed), (window.done = true);
        }, 120);
    """)
    until(browser, "window.done")
    live.settle()
    until(browser, "window.said.length > 1")
    label, share = live.verdict()
    assert browser.execute_script("return window.said")[-1] == f"{label}, {share}"
    assert len(browser.execute_script("return window.said")) <= 3
    assert [node.get_attribute("role") for node in all_of(browser, "[aria-live]:not([hidden])")].count(
        "status"
    ) <= 2


@pytest.mark.parametrize("fragment", ["", "with=model:gates-of-a-gru&hold=f:0.4"])
def test_nothing_is_wider_than_a_small_window_even_at_twice_the_size(live: Live, fragment: str) -> None:
    browser = live.open(width=400, height=850, fragment=fragment)
    live.word("boring").click()
    for width in (400, 320, 200):
        window(browser, width, 425)
        until(browser, "document.querySelector('.figures .plot')")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(browser) == []


def test_nothing_moves_where_that_is_not_wanted(live: Live) -> None:
    browser = live.open()
    moving = browser.execute_script("""
        return Array.from(document.querySelectorAll("*")).filter((node) => {
          const style = getComputedStyle(node);
          return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none" || style.scrollBehavior === "smooth";
        }).map((node) => node.className);
    """)
    assert moving == []


def test_typing_within_a_line_moves_nothing_above_the_figures(live: Live) -> None:
    browser = live.open("A good film.", width=400)
    parts = "document.querySelectorAll('.chips, .models, .answer, .figures')"
    places = f"Array.from({parts}, (node) => node.getBoundingClientRect().top)"
    before = browser.execute_script(f"return {places}")
    for letter in " Good":
        find(browser, "#text").send_keys(letter)
        live.settle()
        assert browser.execute_script(f"return {places}") == before


def test_escape_and_the_arrow_keys_work_on_words_of_both_sides(live: Live) -> None:
    browser = live.open("a good film", "with=free:")
    boxes = all_of(browser, ".figures .text")
    browser.execute_script("arguments[0].focus()", boxes[1])
    press(browser, RIGHT)
    assert [word.text for word in all_of(browser, ".word.lit")] == ["good", "good"] or len(
        all_of(browser, ".word.lit")
    ) == 2
    press(browser, ESCAPE)
    assert not all_of(browser, ".word.lit")
