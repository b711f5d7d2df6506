"""The page in a real browser: clicked, hovered and tabbed through, its numbers against the trace."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import peephole
from peephole.insight import belts, trace
from peephole.insight.page import explained_page, page_html
from support.browsing import all_of, complaints, find, press, seen, window
from support.small_models import small_classifier

selenium = pytest.importorskip("selenium", reason="needs selenium (the dev extra)")
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

TEXT = "The plot is thin and the jokes are old, but the cast is so warm that I left the cinema smiling."
SIXTY = (
    "I wanted to like this film because the cast is wonderful and the first ten minutes are genuinely funny. Sadly the story "
    "never goes anywhere, the jokes repeat themselves, and by the end I was checking my watch every few minutes. It is not the "
    "worst comedy of the year, but it wastes people who deserve much better than this tired script."
)
WARM = 15  # its position among the words


@pytest.fixture(scope="module")
def made() -> tuple[Any, Any, Any, str]:
    """Explanation, trace, document and page of the model in the package."""
    model = peephole.load()
    found, data = explained_page(model, TEXT)
    return found, trace(model, TEXT), data, page_html(data)


def percents(words: str) -> list[int]:
    return [int(number) for number in re.findall(r"(\d+) %", words)]


def test_every_figure_is_drawn_and_says_its_sentence(open_page: Any, made: Any) -> None:
    browser = open_page(made[3])
    assert complaints(browser) == []
    assert find(browser, "h1").text == made[0].text.label
    assert [section.get_attribute("id") for section in all_of(browser, "section")] == [
        "gates",
        "belt",
        "highway",
        "phrases",
        "trust",
    ]
    assert all(
        find(browser, f"#{name} .says").text for name in ("gates", "belt", "highway", "phrases", "trust")
    )
    assert [word.text for word in all_of(browser, ".text .word")] == [
        word.text for word in made[0].text.words
    ]
    assert find(browser, ".text").text == TEXT


def test_a_word_under_the_pointer_is_lit_in_every_figure(open_page: Any, made: Any) -> None:
    _, traced, data, page = made
    browser = open_page(page)
    word = seen(browser, find(browser, f"#word-{WARM}"))
    assert not find(browser, ".readout").is_displayed()
    ActionChains(browser, duration=0).move_to_element(word).perform()
    assert "lit" in word.get_attribute("class")
    plots = all_of(browser, ".plot[tabindex]")
    lit = [plot for plot in plots if plot.find_element(By.CSS_SELECTOR, ".column").is_displayed()]
    assert len(lit) == len(plots) == 6 + 2 + 2 + 2 + 1  # heat maps, units, belts, roads, tree
    assert len(all_of(browser, ".band.lit")) == 2
    assert len(all_of(browser, ".phrase.lit")) == sum(p["first"] <= WARM < p["end"] for p in data["phrases"])
    assert all(
        "lit" in node.get_attribute("class") for node in all_of(browser, ".named") if node.text == "warm"
    )
    told = find(browser, ".readout").text
    assert told.startswith("warm")
    assert f"{abs(data['words'][WARM]['score']):.2f} towards positive" in told
    keep, write = (traced[f"layer0.forward.{gate}"][WARM].mean() for gate in "fi")
    assert f"keep {keep:.0%}, write {write:.0%}".replace("%", " %") in told
    belt = belts(traced)["layer0.forward"]
    share = np.abs(belt.left[WARM]).sum() / np.abs(belt.write[WARM]).sum()
    assert f"{share:.0%} of its parcel is left".replace("%", " %") in told
    ActionChains(browser, duration=0).move_to_element(find(browser, "h1")).perform()
    assert not any(plot.find_element(By.CSS_SELECTOR, ".column").is_displayed() for plot in plots)


def test_a_click_holds_a_word_and_escape_lets_it_go(open_page: Any, made: Any) -> None:
    browser = open_page(made[3])
    seen(browser, find(browser, f"#word-{WARM}")).click()
    ActionChains(browser, duration=0).move_to_element(find(browser, "#word-3")).perform()
    assert "lit" in find(browser, f"#word-{WARM}").get_attribute("class")
    ActionChains(browser, duration=0).move_to_element(find(browser, ".sure")).perform()
    assert "lit" in find(browser, f"#word-{WARM}").get_attribute("class")
    press(browser, Keys.TAB, Keys.ESCAPE)
    assert not all_of(browser, ".word.lit")


def test_a_pixel_of_a_heat_map_is_the_gate_of_that_unit_and_word(open_page: Any, made: Any) -> None:
    """The colours are a fixed ramp: each byte of the canvas is looked up in it."""
    _, traced, data, page = made
    browser = open_page(page)
    read = """
        const canvas = document.querySelectorAll('#gates .plot canvas')[arguments[0]];
        const ramp = document.querySelector('.legend canvas');
        const pixels = (c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data);
        return [canvas.width, canvas.height, pixels(canvas), pixels(ramp)];
    """
    for index, (track, letter) in enumerate([(0, "f"), (0, "i"), (0, "o"), (1, "f"), (1, "i"), (1, "o")]):
        width, height, pixels, ramp = browser.execute_script(read, index)
        item = data["tracks"][track]
        assert (width, height) == (len(data["tokens"]), len(item["drawn"]))
        colours = {tuple(ramp[4 * k : 4 * k + 3]): k / 255 for k in range(256)}
        shown = np.array([colours[tuple(pixels[4 * k : 4 * k + 3])] for k in range(width * height)]).reshape(
            height, width
        )
        expected = traced[f"{item['name']}.{letter}"][:, item["drawn"]].T
        np.testing.assert_allclose(shown, expected, atol=1.5 / 255)


def test_a_unit_can_be_picked_and_followed(open_page: Any, made: Any) -> None:
    _, traced, data, page = made
    browser = open_page(page)
    plot = seen(browser, all_of(browser, "#gates .plot")[0])
    box = plot.find_element(By.CSS_SELECTOR, ".frame").rect
    place, column = 100, WARM
    wide, tall = box["width"] / len(data["tokens"]), box["height"] / len(data["tracks"][0]["drawn"])
    x = box["x"] - plot.rect["x"] + (column + 0.5) * wide - plot.rect["width"] / 2
    y = box["y"] - plot.rect["y"] + (place + 0.5) * tall - plot.rect["height"] / 2
    ActionChains(browser, duration=0).move_to_element_with_offset(plot, round(x), round(y)).click().perform()
    picked = browser.execute_script("return peephole.state.units[0]")
    assert abs(picked - place) <= 1
    unit = data["tracks"][0]["drawn"][picked]
    assert find(browser, ".unit .says").text.startswith(f"Unit {unit}: half of what it holds is gone after")
    told = find(browser, ".readout").text
    keep, write = (traced[f"layer0.forward.{gate}"][column, unit] for gate in "fi")
    numbers = re.search(rf"unit {unit} keep ([\d.]+), write ([\d.]+), show [\d.]+, memory ([+−][\d.]+)", told)
    assert abs(float(numbers[1]) - keep) < 0.0075
    assert abs(float(numbers[2]) - write) < 0.0075
    memory = traced["layer0.forward.c"][column, unit]
    assert (
        abs(float(numbers[3].replace("−", "-")) - memory)
        < 0.005 + np.abs(traced["layer0.forward.c"][:, unit]).max() / 253
    )
    press(browser, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    assert browser.execute_script("return peephole.state.units[0]") == picked + 1
    assert find(browser, ".unit .says").text.startswith(f"Unit {data['tracks'][0]['drawn'][picked + 1]}:")
    slider = find(browser, ".pick input")
    assert slider.get_attribute("value") == str(picked + 1)
    slider.send_keys(Keys.END)
    assert browser.execute_script("return peephole.state.units[0]") == len(data["tracks"][0]["drawn"]) - 1


def test_the_page_can_be_walked_by_the_keyboard_alone(open_page: Any, made: Any) -> None:
    browser = open_page(made[3])
    press(browser, Keys.TAB)
    box = browser.switch_to.active_element
    assert box.get_attribute("role") == "listbox"
    assert box.get_attribute("aria-activedescendant") == "word-0"
    press(browser, *[Keys.ARROW_RIGHT] * 3)
    assert box.get_attribute("aria-activedescendant") == "word-3"
    option = find(browser, "#word-3")
    assert option.get_attribute("aria-selected") == "true"
    assert re.fullmatch(r"thin: [+−]\d+\.\d\d", option.get_attribute("aria-label"))
    status = find(browser, "[role=status]")
    assert status.get_attribute("aria-live") == "polite"
    assert status.text.startswith("thin")
    press(browser, Keys.END)
    assert box.get_attribute("aria-activedescendant") == f"word-{len(made[2]['words']) - 1}"
    stops = []
    for _ in range(40):
        press(browser, Keys.TAB)
        active = browser.switch_to.active_element
        stops.append(active.get_attribute("aria-label") or active.tag_name)
        if active.tag_name == "summary":
            break
    assert stops[0].startswith("keep: how much of its memory")
    assert sum(stop.startswith("The belt") for stop in stops) == 2
    press(browser, Keys.ENTER)
    browser.execute_async_script("setTimeout(arguments[0], 100)")
    rows = all_of(browser, ".table tbody tr")
    assert len(rows) == len(made[2]["words"])
    assert rows[WARM].find_element(By.TAG_NAME, "th").text == "warm"
    numbers = [cell.text for cell in rows[WARM].find_elements(By.TAG_NAME, "td")]
    assert float(numbers[1]) == pytest.approx(made[1]["layer0.forward.f"][WARM].mean(), abs=6e-4)


def test_figures_have_names_and_pictures_are_hidden_from_screen_readers(open_page: Any, made: Any) -> None:
    browser = open_page(made[3])
    assert all(plot.get_attribute("aria-label") for plot in all_of(browser, ".plot[tabindex], .plot[role]"))
    assert all(node.get_attribute("aria-hidden") == "true" for node in all_of(browser, "canvas, .plot svg"))
    assert all(
        node.get_attribute("aria-labelledby") == f"{node.get_attribute('id')}-title"
        for node in all_of(browser, "section")
    )


def test_the_figures_of_sixty_words_are_drawn_within_a_second(open_page: Any) -> None:
    assert len(SIXTY.split()) >= 60
    _, data = explained_page(peephole.load(), SIXTY, faithfulness=False, phrases=True)
    page = page_html(data)
    assert len(page.encode()) < 400_000
    browser = open_page(page)
    took = float(find(browser, "main").get_attribute("data-ready"))
    print(f"{len(data['words'])} words, {len(page.encode()):,} bytes: drawn in {took:.0f} ms")
    assert took > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900, 1600])
def test_nothing_is_wider_than_the_window(open_page: Any, made: Any, width: int, scheme: str) -> None:
    browser = open_page(made[3], width=width, scheme=scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(browser) == []
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    ink = browser.execute_script("return getComputedStyle(document.body).color")
    light, dark = (
        sum(map(int, re.findall(r"\d+", colour)[:3]))
        for colour in ((paper, ink) if scheme == "light" else (ink, paper))
    )
    assert light - dark > 500


def test_a_window_that_changes_is_drawn_anew(open_page: Any, made: Any) -> None:
    browser = open_page(made[3], width=1600)
    wide = find(browser, "#highway .plot").rect["width"]
    window(browser, 500)
    waited = browser.execute_async_script(
        "setTimeout(() => arguments[0](document.querySelector('#highway .plot').clientWidth), 400)"
    )
    assert waited < 500 < wide


CONTRAST = """
    const luminance = (colour) => {
      const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
      const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = getComputedStyle(document.body).backgroundColor;
    const all = '.lead, .says, .kicker, .legend, .panel-head small, h1, h2, h3, .plot text:not(.on)';
    return Array.from(document.querySelectorAll(all), (node) => {
      const style = getComputedStyle(node);
      const [one, other] = [luminance(node instanceof SVGElement ? style.fill : style.color), luminance(paper)].sort();
      return [node.textContent.slice(0, 30), (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
    });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_the_paper(open_page: Any, made: Any, scheme: str) -> None:
    """A contrast of 4.5 to 1 at least, as WCAG AA asks."""
    browser = open_page(made[3], scheme=scheme)
    weak = [(words, round(ratio, 2)) for words, ratio in browser.execute_script(CONTRAST) if ratio < 4.5]
    assert weak == []


def test_it_can_be_printed(open_page: Any, made: Any) -> None:
    browser = open_page(made[3], scheme="dark")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 50_000
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    assert (
        browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        == "rgb(251, 250, 246)"
    )
    assert (
        browser.execute_script("return getComputedStyle(document.querySelector('.pick')).display") == "none"
    )


HOSTILE = {
    "script": "</script><script>document.title='owned'</script> good",
    "picture": "<img src=x onerror=\"document.title='owned'\"> good film",
    "direction": "\u202eevil\u202c good \u2066not\u2069",
    "right to left": "فيلم رائع جدا، لكن النهاية كانت مملة",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 good \U0001f642",
    "piled marks": "good" + "\u0301" * 300 + " film",
    "one long word": "m" * 40_000,
    "nothing": "",
    "one word": "good",
    "100,000 words": "good bad film was " * 25_000,
}
SLOW = ("100,000 words",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in HOSTILE]
)
def test_hostile_texts_are_shown_and_do_nothing(open_page: Any, name: str) -> None:
    model = small_classifier(labels=["<b>bad</b>", "good"])
    found, data = explained_page(model, HOSTILE[name], method="integrated-gradients", phrases=True)
    browser = open_page(page_html(data))
    assert complaints(browser) == []
    assert browser.title == data["title"]
    assert find(browser, "h1").text == found.text.label
    words = browser.execute_script(
        "return Array.from(document.querySelectorAll('.text .word'), (node) => node.textContent)"
    )
    assert words == [word["text"] for word in data["words"]]
    assert len(all_of(browser, "script")) == 2
    assert not all_of(browser, "img, b b")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
    assert browser.execute_script("return document.querySelector('main').dataset.ready") is not None


def test_nothing_can_be_loaded_or_run_from_outside(open_page: Any, made: Any) -> None:
    browser = open_page(made[3])
    browser.execute_script("""
        const script = document.createElement('script');
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        const image = document.createElement('img');
        image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
        document.body.append(image);
    """)
    assert browser.title == made[2]["title"]
    assert any("Content Security Policy" in message for message in complaints(browser))


@pytest.mark.parametrize("cell", ["gru", "rnn", "peephole-lstm", "coupled-lstm"])
def test_other_cells_have_pages(open_page: Any, cell: str) -> None:
    model = small_classifier(cell=cell, num_layers=2, head=0)  # a rectifier could let no gradient through
    _, data = explained_page(model, "A good film, not bad at all!")
    browser = open_page(page_html(data))
    assert complaints(browser) == []
    roles = browser.execute_script(
        "return Array.from(document.querySelectorAll('#gates .panel-head b'), (b) => b.textContent)"
    )
    expected = {"gru": ["keep", "write", "reset"], "rnn": ["state"]}.get(cell, ["keep", "write", "show"])
    assert roles == expected * 4
    assert bool(all_of(browser, "#belt")) == (cell != "rnn")
    assert len(all_of(browser, "#highway .plot path.line")) == 4 * (1 if cell == "rnn" else 3)
    told = browser.execute_script("return document.querySelector('main').textContent")
    assert ("half-life" in told) == ("belt" in told) == (cell != "rnn")
    folded = all_of(browser, "#gates details.track")
    names = [box.find_element(By.TAG_NAME, "h3").text for box in folded]
    assert names == ["→Layer 1, reads forward", "←Layer 1, reads backward, from the end"]


def test_a_later_document_takes_the_place_of_an_earlier_one(open_page: Any, made: Any) -> None:
    """As a server that sends documents one after the other needs it."""
    _, data = explained_page(small_classifier(), "A good film.", phrases=True)
    browser = open_page(made[3])
    browser.execute_script(
        "peephole.state = peephole.show(JSON.parse(arguments[0]), document.querySelector('main'))",
        json.dumps(data),
    )
    assert [word.text for word in all_of(browser, ".text .word")] == ["A", "good", "film", "."]
    browser.execute_script("""
        const main = document.querySelector('main');
        window.draws = 0;
        main.replaceChildren = (...nodes) => (window.draws++, Element.prototype.replaceChildren.apply(main, nodes));
    """)
    window(browser, 700)
    browser.execute_async_script("setTimeout(arguments[0], 400)")
    assert browser.execute_script("return window.draws") == 1  # the earlier one is not drawn any more
    assert [word.text for word in all_of(browser, ".text .word")] == ["A", "good", "film", "."]
