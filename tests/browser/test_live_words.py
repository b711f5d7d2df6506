"""Words of the page of a server: clicked, removed, replaced; offsets of code points in a text of UTF-16; going back and forth."""

from __future__ import annotations

from typing import Any

import pytest

from support.browsing import all_of, chord, complaints, few, find, press, until
from support.live_page import BUT, Live, said_of

ENTER, ESCAPE, DELETE = "\ue007", "\ue00c", "\ue017"
LEFT, END, CONTROL, SHIFT = "\ue012", "\ue010", "\ue009", "\ue008"


def remove(live: Live, word: str) -> None:
    found = live.word(word)
    if "lit" not in found.get_attribute("class"):
        found.click()
    find(live.browser, ".readout.held .tools button").click()
    live.settle()


def test_a_click_on_a_word_offers_to_remove_and_replace_it(live: Live) -> None:
    browser = live.open()
    assert not find(browser, ".tools").is_displayed()
    live.word("boring").click()
    told = find(browser, ".readout .told").text
    assert told.startswith("boring")
    assert "towards negative" in told
    assert [button.text for button in all_of(browser, ".tools button")] == ["Remove", "Replace"]
    find(browser, ".tools .by").send_keys("brilliant", ENTER)
    live.settle()
    assert live.text == BUT.replace("boring", "brilliant")
    assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert find(browser, ".word.lit").text == "brilliant"  # what came to stand there is held
    assert find(browser, ".tools .by").get_property("value") == ""
    assert live.tried()[0] == "boring → brilliant"


def test_removed_words_take_their_space_along_and_leave_marks_where_they_belong(live: Live) -> None:
    live.open("The food was not good.")
    remove(live, "not")
    assert live.text == "The food was good."
    assert live.verdict() == said_of(live.models["reviews"], "The food was good.")
    remove(live, "The")
    assert live.text == "food was good."
    remove(live, "good")
    assert live.text == "food was."
    assert live.tried()[:3] == ["− good", "− The", "− not"]


def test_words_can_be_removed_by_the_keyboard_one_after_the_other(live: Live) -> None:
    browser = live.open("A very good film, really.")
    find(browser, "#text").click()
    browser.execute_script("document.querySelector('.figures .text').focus()")
    press(browser, END)
    assert find(browser, ".word.lit").text == "."
    press(browser, LEFT, LEFT)
    press(browser, DELETE)
    live.settle()
    assert live.text == "A very good film really."
    assert find(browser, ".word.lit").text == "really"
    assert browser.switch_to.active_element.get_attribute("class").startswith("text")
    press(browser, DELETE)
    live.settle()
    assert live.text == "A very good film."
    press(browser, LEFT, LEFT, ENTER)
    assert "by" in browser.switch_to.active_element.get_attribute("class")
    press(browser, *"dull", ENTER)
    live.settle()
    assert live.text == "A very dull film."
    press(browser, ESCAPE)
    assert browser.switch_to.active_element.get_attribute("class").startswith("text")
    assert find(browser, ".word.lit").text == "dull"
    press(browser, ESCAPE)
    assert not all_of(browser, ".word.lit")


BEFORE = {
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f642",
    "piled marks": "e\u0301\u0323\u0308 n\u0303",
    "without spaces": "很好的电影,",
    "beyond the first plane": "\U00020000\U0001d4d0\U00010348",
    "spaces": "  a   \t b",
    "lines": "one\n\n\ntwo\n",
    "right to left": "فيلم رائع،",
    "direction": "\u202ea\u202c \u2066b\u2069",
    "flags": "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
}


@pytest.mark.parametrize("name", few(BEFORE, "emoji", "piled marks", "beyond the first plane", "lines"))
def test_a_word_behind_anything_is_the_one_that_goes(live: Live, name: str) -> None:
    """The server counts code points, the page halves of UTF-16."""
    before = BEFORE[name]
    live.open(f"{before} it is good and bad")
    live.word("good").click()
    find(live.browser, ".tools .by").send_keys("fine", ENTER)
    live.settle()
    assert live.text == f"{before} it is fine and bad"
    remove(live, "fine")
    assert live.text == f"{before} it is and bad"
    assert live.verdict() == said_of(live.models["reviews"], live.text)
    assert complaints(live.browser) == []


def test_half_characters_are_read_as_the_sign_for_them(live: Live) -> None:
    browser = live.open("")
    browser.execute_script("""
        const area = document.querySelector("#text");
        area.value = "good \\ud83d and \\udc00\\ud83d film";
        area.dispatchEvent(new Event("input"));
    """)
    live.settle()
    assert live.verdict() == said_of(live.models["reviews"], "good \ufffd and \ufffd\ufffd film")
    remove(live, "film")
    half = browser.execute_script("return document.querySelector('#text').value.charCodeAt(5)")
    assert half == 0xD83D  # the field still has what was put into it
    assert complaints(browser) == []


def test_words_of_a_text_written_since_are_left_alone(live: Live, before_page: Any) -> None:
    before_page(
        "window.real = fetch; window.fetch = (...given) => window.away ? new Promise(() => 0) : real(...given)"
    )
    browser = live.open("A good film.")
    browser.execute_script("window.away = true")
    find(browser, "#text").send_keys(" Really.")
    until(browser, "peephole.page.choice.text.endsWith('Really.')")
    live.word("good").click()
    find(browser, ".readout.held .tools button").click()
    assert live.text == "A good film. Really."


def state(live: Live) -> dict[str, Any]:
    return live.browser.execute_script("return peephole.page.choice")


def test_undo_redo_and_the_list_bring_back_text_holds_and_models(live: Live) -> None:
    browser = live.open("A good film.")
    states = [(state(live), live.verdict())]
    for act in (
        lambda: remove(live, "good"),
        lambda: live.slide("keep", 0.1),
        lambda: live.choose(".holds select", "layer0.reverse"),
        lambda: live.choose("#other", "model:gates-of-a-gru"),
        lambda: live.choose("#model", "without-gates"),
    ):
        act()
        live.settle()
        states.append((state(live), live.verdict()))
    assert live.tried() == [
        "model without-gates",
        "beside gates-of-a-gru",
        "held in ← reading back",
        "keep held at 0.10",
        "− good",
        "at first",
    ]
    undo, redo = all_of(browser, ".past .bar button")
    for expected in states[-2::-1]:
        undo.click()
        live.settle()
        assert (state(live), live.verdict()) == expected
    assert (undo.get_attribute("aria-disabled"), redo.get_attribute("aria-disabled")) == ("true", "false")
    assert live.text == "A good film."
    for expected in states[1:3]:
        redo.click()
        live.settle()
        assert (state(live), live.verdict()) == expected
    all_of(browser, ".past li button")[0].click()
    live.settle()
    assert (state(live), live.verdict()) == states[-1]
    assert len(all_of(browser, ".past li")) == 6
    labels = [row.text.splitlines() for row in all_of(browser, ".past li")]
    assert labels[-1][-1] == " ".join(states[0][1])
    assert complaints(browser) == []


def test_the_list_says_what_each_step_came_to(live: Live) -> None:
    browser = live.open("The food was not good.")
    remove(live, "not")
    came = [node.text for node in all_of(browser, ".past .came")]
    model = live.models["reviews"]
    expected = [said_of(model, text) for text in ("The food was good.", "The food was not good.")]
    assert came == [" ".join(one) for one in expected]


def test_control_and_z_go_back_outside_of_a_field(live: Live) -> None:
    browser = live.open("The food was not good.")
    remove(live, "not")
    chord(browser, CONTROL, "z")
    live.settle()
    assert live.text == "The food was not good."
    chord(browser, CONTROL, SHIFT, "z")
    live.settle()
    assert live.text == "The food was good."


def test_what_is_typed_after_going_back_does_not_replace_what_one_went_back_to(live: Live) -> None:
    browser = live.open("A")
    find(browser, "#text").send_keys(" film")
    live.settle()
    remove(live, "film")
    all_of(browser, ".past .bar button")[0].click()
    live.settle()
    find(browser, "#text").send_keys(" of note")
    live.settle()
    assert live.tried() == ["“A film of note”", "“A film”", "at first"]
