"""The page of a server in a real browser: what is typed is answered, by this server alone, the last text last."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import peephole
from peephole.insight.explanations import explain
from support.browsing import all_of, complaints, find, press, seen, until
from support.live_page import BUT, Live, said_of

TEXT = "Not bad at all, I have to say."


def test_typing_shows_the_verdict_of_what_is_typed(live: Live) -> None:
    browser = live.open("")
    assert live.verdict() == said_of(live.models["reviews"], "")
    find(browser, "#text").send_keys(TEXT)
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], TEXT)
    probabilities = next(iter(live.models["reviews"].predict([TEXT]))).probabilities
    shown = [node.text for node in all_of(browser, ".chance-names span")]
    assert shown == [f"{label} {share:.0%}".replace("%", " %") for label, share in probabilities.items()]
    assert browser.title == f"{' '.join(live.verdict()).replace(' ', ', ', 1)} · Peephole"
    find(browser, "#text").send_keys(" But it is far too long and I was bored.")
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert complaints(browser) == []


def test_words_are_shaded_by_the_scores_that_explain_gives(live: Live) -> None:
    live.open()
    expected = explain(peephole.load(), BUT, faithfulness=False)
    assert live.words() == [word.text for word in expected.text.words]
    read = """
        return Array.from(document.querySelectorAll('.text .word'), (word) =>
          [word.getAttribute('aria-label'), word.style.getPropertyValue('--size'), word.classList.contains('b')])
    """
    largest = max(abs(score) for score in expected.scores)
    for (label, size, is_b), score, word in zip(
        live.browser.execute_script(read), expected.scores, expected.text.words, strict=True
    ):
        name, _, number = label.rpartition(": ")
        assert name == word.text
        assert float(number.replace("−", "-")) == pytest.approx(score, abs=0.006)
        assert float(size) == pytest.approx(abs(score) / largest, abs=0.002)
        if abs(score) > 0.01 * largest:
            assert is_b == ((score > 0) == (expected.target == "negative"))
    assert find(live.browser, "h2.b").text == "negative"


def test_the_figures_are_those_of_the_text(live: Live) -> None:
    browser = live.open()
    sections = [section.get_attribute("class") for section in all_of(browser, ".figures section")]
    assert sections == ["gates", "belt", "highway"]
    find(browser, "#text").send_keys(" Good")
    live.settle()
    assert live.words()[-1] == "Good"
    until(browser, "!document.querySelector('.figures.old')")
    seen(browser, find(browser, ".more")).click()
    until(browser, "document.querySelector('.figures .trust') && document.querySelector('.more').hidden")
    assert all_of(browser, ".figures .phrases")
    assert complaints(browser) == []


LATE = """
    const real = fetch;
    window.waiting = [];
    window.verdicts = [];
    window.fetch = async (path, options) => {
      const answer = await real(path, { ...options, signal: undefined });
      const isLate = options.body && options.body.includes("slowly");
      if (isLate && !(path === "/explain" && window.free)) await new Promise((go) => window.waiting.push(go));
      return answer;
    };
    new MutationObserver(() => {
      const now = document.querySelector(".answer h2");
      const words = now && now.textContent + now.nextSibling.textContent;
      if (now && words !== window.verdicts.at(-1)) window.verdicts.push(words);
    }).observe(document, { childList: true, subtree: true });
"""


def test_an_answer_that_comes_late_does_not_win(live: Live, before_page: Any) -> None:
    before_page(LATE)
    browser = live.open("")
    live.put("An awful, slowly told mess.")
    until(browser, "window.waiting.length === 2")
    live.put("A lovely film.")
    until(browser, "peephole.page.choice.text === 'A lovely film.'")
    browser.execute_script("window.waiting.forEach((go) => go())")
    live.settle()
    lovely = said_of(live.models["reviews"], "A lovely film.")
    assert live.verdict() == lovely
    until(browser, "peephole.page.sides.every((side) => side.slow.running === null)")
    assert live.verdict() == lovely
    assert live.words() == ["A", "lovely", "film", "."]


def test_figures_that_come_late_do_not_bring_their_verdict_back(live: Live, before_page: Any) -> None:
    """The newer text's verdict comes while the older one's figures are still on their way."""
    before_page(LATE.replace("isLate &&", "isLate && path === '/explain' &&"))
    browser = live.open("")
    browser.execute_script("peephole.page.sides[0].slow.patience = 1e9")
    slow, quick = "An awful, slowly told mess.", "A lovely film."
    live.put(slow)
    until(browser, "window.waiting.length === 1")
    live.put(quick)
    lovely = said_of(live.models["reviews"], quick)
    until(browser, "window.verdicts.at(-1) === arguments[0]", "".join(lovely))
    before = len(browser.execute_script("return window.verdicts"))
    browser.execute_script("window.waiting.forEach((go) => go())")
    live.settle()
    assert browser.execute_script("return window.verdicts")[before:] == []
    assert live.verdict() == lovely


def test_fast_typing_ends_with_the_verdict_of_the_last_text(live: Live) -> None:
    browser = live.open("")
    browser.execute_cdp_cmd("Network.enable", {})
    slow = {"offline": False, "latency": 120, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        for word in TEXT.split():
            find(browser, "#text").send_keys(word + " ")
        live.settle()
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**slow, "latency": 0})
    assert live.verdict() == said_of(live.models["reviews"], TEXT + " ")


def test_what_is_typed_is_kept_when_something_else_is_changed_at_once(live: Live) -> None:
    browser = live.open("A fine film.")
    browser.execute_script("""
        const area = document.querySelector("#text");
        area.value += " And short.";
        area.dispatchEvent(new Event("input"));
        const slider = document.querySelector(".gate input");
        slider.value = "0.25";
        slider.dispatchEvent(new Event("input"));
    """)
    live.settle()
    assert live.text == "A fine film. And short."
    assert live.words()[-3:] == ["And", "short", "."]


@pytest.mark.slow
def test_examples_say_what_to_look_for(live: Live) -> None:
    browser = live.open("")
    chips = all_of(browser, ".chip")
    assert len(chips) == 5
    for chip in chips:
        chip.click()
        live.settle()
        assert find(browser, ".hint").text
        assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert live.tried()[0] == f"example: {chips[-1].text}"
    assert complaints(browser) == []


def test_nothing_is_asked_of_anybody_but_the_server(live: Live) -> None:
    browser = live.open()
    entries = "return performance.getEntries().filter((e) => e.entryType === 'resource').map((e) => e.name)"
    press(browser, "x")
    live.put("A good film.")
    live.settle()
    asked = browser.execute_script(entries)
    assert asked
    assert {re.sub(r"^https?://[^/]+", "", url) for url in asked} <= {"/models", "/predict", "/explain"}
    assert all(url.startswith(live.server.url + "/") for url in asked)
    page = browser.page_source
    assert re.findall(r'(?:src|href)="(?!data:|/openapi\.json|blob:)[^"]*"', page) == []


def test_the_page_works_where_there_is_no_network(live: Live) -> None:
    """The server's own machine is all that it needs: every other name leads nowhere."""
    with live.server.client() as client:
        answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["connect-src"] == "'self'"
    assert parts["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy


INJECT = """
    const done = arguments[0];
    const blocked = [];
    document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
    const add = (tag, fields) => document.body.append(Object.assign(document.createElement(tag), fields));
    add("script", { textContent: "document.title = 'owned'" });
    add("style", { textContent: "body { display: none }" });
    add("img", { src: "http://127.0.0.1:9/x.png" });
    add("iframe", { src: "/" });
    add("div", { innerHTML: "<b style='color: red' onclick='1'>b</b>" });
    Promise.allSettled([fetch("http://127.0.0.1:9/"), new Promise((go) => setTimeout(go, 300))]).then(() => done(blocked));
"""


def test_nothing_that_is_put_into_the_page_runs_or_loads(live: Live) -> None:
    browser = live.open()
    blocked = browser.execute_async_script(INJECT)
    expected = {"script-src-elem", "style-src-elem", "img-src", "frame-src", "style-src-attr", "connect-src"}
    assert expected <= set(blocked)
    assert browser.title != "owned"
    assert find(browser, "#text").is_displayed()


def test_no_other_page_can_show_it_in_a_frame(live: Live, open_page: Any) -> None:
    browser = open_page(f"<iframe src='{live.server.url}/'></iframe>")
    assert any("frame-ancestors" in message for message in complaints(browser)), json.dumps(
        browser.get_log("browser")
    )
