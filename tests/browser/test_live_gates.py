"""Gates held by sliders, and two models side by side, on the page of a server: against `peephole.clamp`."""

from __future__ import annotations

from typing import Any

import pytest

from peephole.insight.holds import Hold
from support.browsing import all_of, complaints, find, press, seen, until
from support.live_page import BUT, Live, said_of, said_while_held

HOME, RIGHT, UP = "\ue011", "\ue014", "\ue013"
BOTH = ("layer0.forward", "layer0.reverse")


def roles(live: Live) -> list[str]:
    return [label.text for label in all_of(live.browser, ".gate label")]


def test_a_slider_holds_a_gate_in_every_unit(live: Live) -> None:
    browser = live.open()
    assert roles(live) == ["keep", "write", "show"]
    free = live.verdict()
    for gate, name in (("keep", "f"), ("write", "i"), ("show", "o")):
        live.slide(gate, 0.15)
        live.settle()
        held = {f"{track}.{name}": 0.15 for track in BOTH}
        assert live.verdict() == said_while_held(live.models["reviews"], BUT, held)
        assert find(browser, ".gate.held .state").text == "0.15"
        assert live.tried()[0] == f"{gate} held at 0.15"
        find(browser, ".gate.held .free").click()
        live.settle()
        assert live.verdict() == free
        assert not all_of(browser, ".gate.held")
    assert complaints(browser) == []


def test_several_gates_are_held_together_and_by_the_keyboard(live: Live) -> None:
    browser = live.open()
    sliders = all_of(browser, ".gate input")
    sliders[0].send_keys(HOME)
    live.settle()
    sliders[1].send_keys(HOME, *[RIGHT] * 3)
    live.settle()
    held = {f"{track}.f": 0.0 for track in BOTH} | {f"{track}.i": 0.03 for track in BOTH}
    assert live.verdict() == said_while_held(live.models["reviews"], BUT, held)
    assert sliders[1].get_attribute("aria-valuetext") == "held at 0.03"
    assert browser.switch_to.active_element == sliders[1]


def test_words_are_explained_as_the_held_model_reads_them(live: Live) -> None:
    from peephole.insight.explanations import explain

    live.open(fragment="hold=f:0.2")
    held = {f"{track}.f": 0.2 for track in BOTH}
    expected = explain(live.models["reviews"], BUT, faithfulness=False, held=held)
    read = "return Array.from(document.querySelectorAll('.text .word'), (word) => word.getAttribute('aria-label'))"
    shown = [float(name.rpartition(": ")[2].replace("−", "-")) for name in live.browser.execute_script(read)]
    assert shown == pytest.approx(list(expected.scores), abs=0.006)


def test_a_gate_can_be_held_in_one_direction_and_in_one_unit(live: Live) -> None:
    browser = live.open()
    live.slide("keep", 0.0)
    live.choose(".holds select", "layer0.reverse")
    live.settle()
    model = live.models["reviews"]
    assert live.verdict() == said_while_held(model, BUT, {"layer0.reverse.f": 0.0})
    plot = seen(browser, find(browser, "#side0-gates .plot"))
    browser.execute_script("arguments[0].focus()", plot)
    press(browser, UP)
    unit = browser.execute_script(
        "const {state} = peephole.page.sides[0]; return state.data.tracks[0].drawn[state.units[0]]"
    )
    option = f"layer0.forward/{unit}"
    live.choose(".holds select", option)
    live.settle()
    assert live.verdict() == said_while_held(model, BUT, {"layer0.forward.f": Hold(0.0, units=[unit])})
    assert live.tried()[0] == f"held in unit {unit} → alone"


def test_the_write_gate_of_a_gru_is_what_its_keep_gate_leaves(live: Live) -> None:
    browser = live.open(fragment="model=gates-of-a-gru")
    assert roles(live) == ["keep", "write", "reset"]
    live.slide("write", 0.3)
    live.settle()
    model = live.models["gates-of-a-gru"]
    held = {f"{track}.z": 0.7 for track in BOTH}
    assert live.verdict() == said_while_held(model, BUT, held)
    assert [state.text for state in all_of(browser, ".gate.held .state")] == ["0.70", "0.30"]
    live.slide("reset", 1.0)
    live.settle()
    held |= {f"{track}.r": 1.0 for track in BOTH}
    assert live.verdict() == said_while_held(model, BUT, held)


def test_a_model_without_gates_has_no_sliders(live: Live) -> None:
    browser = live.open("the good film", "model=without-gates")
    assert not find(browser, ".holds").is_displayed()
    assert live.verdict() == said_of(live.models["without-gates"], "the good film")
    live.choose("#model", "reviews")
    live.settle()
    assert find(browser, ".holds").is_displayed()


def test_without_a_text_a_slider_has_nothing_to_show(live: Live) -> None:
    browser = live.open("")
    assert [state.text for state in all_of(browser, ".gate .state")] == ["free"] * 3
    assert find(browser, ".gate input").get_attribute("aria-valuetext") == "free"


def test_two_models_answer_side_by_side(live: Live) -> None:
    browser = live.open()
    live.choose("#other", "model:gates-of-a-gru")
    live.settle()
    for side, name in enumerate(("reviews", "gates-of-a-gru")):
        assert live.verdict(side) == said_of(live.models[name], BUT)
        assert all_of(browser, ".side .kicker b")[side].text == name
    find(browser, "#text").send_keys(" Good.")
    live.settle()
    for side, name in enumerate(("reviews", "gates-of-a-gru")):
        assert live.verdict(side) == said_of(live.models[name], BUT + " Good.")
    boxes = [box.rect for box in all_of(browser, ".side")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    live.choose("#other", "")
    live.settle()
    assert len(all_of(browser, ".side")) == 1
    assert complaints(browser) == []


def test_the_same_model_can_stand_beside_itself_with_nothing_held(live: Live) -> None:
    browser = live.open(fragment="with=free:&hold=f:0.1")
    assert live.verdict(0) == said_while_held(
        live.models["reviews"], BUT, {f"{track}.f": 0.1 for track in BOTH}
    )
    assert live.verdict(1) == said_of(live.models["reviews"], BUT)
    assert [kicker.text for kicker in all_of(browser, ".kicker b")] == ["reviews", "reviews, nothing held"]


def test_a_unit_that_the_other_model_has_not_is_held_in_the_one_alone(live: Live) -> None:
    live.open(fragment="with=model:gates-of-a-gru&where=layer0.forward/150&hold=f:0&hold=z:0")
    held = {"layer0.forward.f": Hold(0.0, units=[150])}
    assert live.verdict(0) == said_while_held(live.models["reviews"], BUT, held)
    assert live.verdict(1) == said_of(live.models["gates-of-a-gru"], BUT)


def test_a_word_lit_in_one_is_lit_in_the_other(live: Live) -> None:
    browser = live.open("a good film was bad", "with=free:&hold=f:0.5")
    live.word("good", side=1).click()
    assert [word.text for word in all_of(browser, ".word.lit")] == ["good", "good"]
    shown = [tools.is_displayed() for tools in all_of(browser, ".tools")]
    assert shown == [False, True]  # of the one that was clicked
    find(browser, ".side:nth-child(2) .tools button").click()
    live.settle()
    assert live.text == "a film was bad"
    assert [word.text for word in all_of(browser, ".word.lit")] == ["film", "film"]
    assert live.words(0) == live.words(1) == ["a", "film", "was", "bad"]


def test_a_held_word_stays_held_while_a_gate_is_moved(live: Live) -> None:
    browser = live.open()
    live.word("boring").click()
    before = find(browser, ".readout .told").text
    live.slide("keep", 0.4)
    live.settle()
    live.slide("keep", 0.3)
    live.settle()
    assert find(browser, ".word.lit").text == "boring"
    after = find(browser, ".readout .told").text
    assert after != before
    assert "keep 30 %" in after


def test_the_page_stands_still_while_a_slider_is_moved(live: Live) -> None:
    browser = live.open(width=900)
    seen(browser, find(browser, "#side0-highway"))
    place: Any = "[scrollY, document.querySelector('#side0-highway').getBoundingClientRect().top]"
    before = browser.execute_script(f"return {place}")
    for share in (0.5, 0.52, 0.54):
        browser.execute_script(
            """
            const slider = document.querySelector(".gate input");
            slider.value = arguments[0];
            slider.dispatchEvent(new Event("input"));
        """,
            str(share),
        )
        live.settle()
        until(browser, "!document.querySelector('.figures.old')")
    after = browser.execute_script(f"return {place}")
    assert after[0] == before[0]
    assert after[1] == pytest.approx(before[1], abs=60)  # a sentence may take a line more or less
