"""When the page of a server gets no answer, or texts that were written to do harm."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from support.browsing import all_of, complaints, few, find, until
from support.live_page import Live, said_of
from support.processes import process

ENTER = "\ue007"
TOKEN = "not-for-everybody"
HOSTILE = {
    "script": "</script><script>document.title='owned'</script> good",
    "picture": "<img src=x onerror=\"document.title='owned'\"> good film",
    "direction": "\u202eevil\u202c good \u2066not\u2069",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 good \U0001f642",
    "piled marks": "good" + "\u0301" * 300 + " film",
    "one long word": "m" * 1900,
    "signs": "good\x01 \u2028and\u2029 \ufeff\u00a0 \u200b bad",
}


@pytest.mark.parametrize("name", few(HOSTILE, "script", "direction", "signs"))
def test_hostile_texts_are_shown_and_do_nothing(live: Live, name: str) -> None:
    browser = live.open(HOSTILE[name])
    assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert browser.title == f"{', '.join(live.verdict())} · Peephole"
    assert not all_of(browser, "img, b b")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert complaints(browser) == []


def test_a_text_longer_than_the_limit_is_refused_in_words_and_the_page_goes_on(live: Live) -> None:
    browser = live.open("good")
    long = "good film " * 201
    live.put(long)
    until(browser, "document.querySelector('.problem:not([hidden])')")
    until(browser, "peephole.page.sides[0].quick.running === null")
    assert "must have at most 2,000 characters; got 2,010" in find(browser, ".problem").text
    assert live.verdict() == said_of(live.models["reviews"], long)  # that much it can say
    assert not find(browser, ".figures").is_displayed()
    assert find(browser, ".past .came").text == " ".join(live.verdict())
    live.put("good")
    live.settle()
    assert not find(browser, ".problem").is_displayed()
    assert find(browser, ".figures").is_displayed()
    assert live.words() == ["good"]


def test_where_not_even_a_verdict_comes_the_last_one_does_not_stand_there(live: Live) -> None:
    browser = live.open("good")
    live.slide("keep", 0.5)
    live.put("good film " * 201)
    until(browser, "document.querySelector('.problem:not([hidden])')")
    until(browser, "!document.querySelector('.answer h2')")


@pytest.fixture
def locked(live: Live) -> Iterator[Live]:
    with process("reviews", PEEPHOLE_TOKEN=TOKEN) as server:
        yield Live(live.browser, server, live.models)


def test_a_server_that_wants_a_token_is_given_it(locked: Live) -> None:
    browser = locked.browser
    locked.go("text=good")
    until(browser, "document.querySelector('#token')")
    assert browser.switch_to.active_element == find(browser, "#token")
    for wrong in ("a-wrong-token", "späte ☂"):  # of the second no header can be made
        find(browser, "#token").send_keys(wrong, ENTER)
        until(browser, "document.querySelector('[role=alert]') && !document.querySelector('#token').value")
        assert find(browser, "[role=alert]").text == "That is not this server's token."
    find(browser, "#token").send_keys(TOKEN, ENTER)
    locked.settle()
    assert locked.verdict() == said_of(locked.models["reviews"], "good")
    browser.refresh()
    locked.settle()  # it is known until the tab is closed
    browser.execute_script("sessionStorage.setItem('peephole.token', 'another-one')")
    locked.put("bad")
    until(browser, "document.querySelector('.token:not([hidden])')")
    find(browser, "#token").send_keys(TOKEN, ENTER)
    locked.settle()
    assert locked.verdict() == said_of(locked.models["reviews"], "bad")
    assert not find(browser, ".problem").is_displayed()


def test_a_server_with_a_single_place_answers_both_sides_in_turn(live: Live) -> None:
    """Each side is refused with 503 while the other is answered, and asks again for itself."""
    with process("reviews", "--queue-texts", 1, "--queue-explanations", 1) as server:
        busy = Live(live.browser, server, live.models)
        browser = busy.open("good", "with=free:&hold=f:0.3")
        assert busy.verdict(1) == said_of(live.models["reviews"], "good")
        assert busy.words(0) == busy.words(1) == ["good"]
        assert not any(node.is_displayed() for node in all_of(browser, ".problem"))
        for length in range(1, 4):
            busy.put("very " * length + "good")
        busy.settle()
        assert len(busy.words(0)) == len(busy.words(1)) == 4


@pytest.mark.slow
def test_a_server_that_stops_is_waited_for(live: Live) -> None:
    with process("reviews") as server:
        own = Live(live.browser, server, live.models)
        browser = own.open("good")
        port = server.url.rpartition(":")[2]
        server.stop(signal.SIGKILL)
        own.put("bad")
        until(browser, "document.querySelector('.problem:not([hidden])')")
        assert find(browser, ".problem p").text == "The server does not answer."
        assert own.words() == ["good"]  # what was seen does not go
    with process("reviews", "--port", port):
        own.settle()
        assert own.verdict() == said_of(live.models["reviews"], "bad")
        assert not find(browser, ".problem").is_displayed()


def test_a_page_without_a_server_begins_when_there_is_one(live: Live, before_page: Any) -> None:
    before_page(
        "window.real = fetch; window.fetch = (...given) => window.there ? real(...given) : Promise.reject(new TypeError('no'))"
    )
    live.go("text=good")
    browser = live.browser
    until(browser, "document.querySelector('[role=alert]')")
    assert find(browser, "[role=alert]").text.startswith("The server does not answer.")
    browser.execute_script("window.there = true")
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], "good")


def test_an_answer_that_does_not_come_is_told_and_given_up_for_a_newer_text(
    live: Live, before_page: Any
) -> None:
    before_page("""
        const late = setTimeout;
        window.setTimeout = (act, time, ...rest) => late(act, time === 8000 ? 50 : time, ...rest);
        window.real = fetch;
        window.fetch = (path, options) => window.away
          ? new Promise((_, no) => options.signal.addEventListener("abort", () => no(options.signal.reason)))
          : real(path, options);
    """)
    browser = live.open("good")
    browser.execute_script("window.away = true")
    live.put("bad")
    until(browser, "document.querySelector('.problem:not([hidden])')")
    assert find(browser, ".problem p").text == "The server has not answered yet."
    browser.execute_script("window.away = false")
    live.put("worse")
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], "worse")
    assert not find(browser, ".problem").is_displayed()


def test_an_answer_that_breaks_off_is_asked_for_again(live: Live, before_page: Any) -> None:
    before_page("""
        window.real = fetch;
        window.broken = 0;
        window.fetch = async (path, options) => {
          const answer = await real(path, options);
          return path === "/explain" && window.broken++ < 1 ? new Response('{"explanation": ', answer) : answer;
        };
    """)
    live.open("good")
    assert live.words() == ["good"]
    assert live.browser.execute_script("return window.broken") >= 2
