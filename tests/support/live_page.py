"""The page at ``/`` of a server, as a person uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import peephole
from peephole.classifier import Classifier
from peephole.insight.page.wording import percent
from support.browsing import all_of, complaints, find, press, seen, until, window
from support.models import word_counter
from support.processes import Process
from support.small_models import small_classifier

BUT = "The acting is wonderful and the music is lovely, but the story is a boring mess."

# Whether the page shows what is in the field and chosen, in every side.
_SETTLED = """
    (() => {
      const page = globalThis.peephole && peephole.page;
      if (!page || page.waiting || page.area.value !== page.choice.text) return false;
      return page.sides.slice(0, page.isComparing() ? 2 : 1).every((side) => side.choice === page.choice);
    })()
"""


def models_to_serve(folder: Path) -> tuple[dict[str, Classifier], list[str]]:
    """Models by name, and how to name them to ``peephole serve``: that of the package, a GRU, and one without gates."""
    own = {
        "gates-of-a-gru": small_classifier(cell="gru", labels=["bad", "good", "odd"]),
        "without-gates": word_counter(),
    }
    for name, model in own.items():
        model.save(folder / name)
    return {"reviews": peephole.load(), **own}, ["reviews", *(str(folder / name) for name in own)]


@dataclasses.dataclass
class Live:
    """The page in a browser.

    Attributes:
        browser: its driver.
        server: the process that answers.
        models: by name, to ask the same of.
    """

    browser: Any
    server: Process
    models: dict[str, Classifier]

    def open(self, text: str | None = BUT, fragment: str = "", *, width: int = 1280, **options: Any) -> Any:
        """Open the page anew with a text and more of a link, or with a fragment as it stands, and wait for its answer."""
        self.go(
            fragment if text is None else f"{urlencode({'text': text})}&{fragment}", width=width, **options
        )
        self.settle()
        return self.browser

    def go(self, fragment: str = "", *, width: int = 1280, **options: Any) -> None:
        window(self.browser, width, **options)
        self.browser.get("about:blank")  # otherwise another fragment is the same page
        complaints(self.browser)
        self.browser.get(f"{self.server.url}/#{fragment}")

    def settle(self) -> None:
        """Wait until the answers to what is chosen are shown."""
        until(self.browser, _SETTLED)

    def put(self, text: str) -> None:
        """Put a text in place of the one in the field, as pasting does."""
        find(self.browser, "#text").click()
        self.browser.execute_script("document.querySelector('#text').select()")
        if text:
            self.browser.execute_cdp_cmd("Input.insertText", {"text": text})
        else:
            press(self.browser, "\ue017")  # Delete

    @property
    def text(self) -> str:
        return find(self.browser, "#text").get_property("value")

    def verdict(self, side: int = 0) -> tuple[str, str]:
        """The label and how sure it is, as they stand there."""
        box = all_of(self.browser, ".side")[side]
        return box.find_element("css selector", "h2").text, box.find_element("css selector", ".sure").text

    def words(self, side: int = 0) -> list[str]:
        read = """
            const side = document.querySelectorAll('.side')[arguments[0]];
            return Array.from(side.querySelectorAll('.text .word'), (word) => word.textContent);
        """
        return self.browser.execute_script(read, side)

    def word(self, text: str, side: int = 0) -> Any:
        """The first word of that text, brought into view."""
        return seen(self.browser, all_of(self.browser, f"#side{side}-word-{self.words(side).index(text)}")[0])

    def slide(self, role: str, value: float) -> None:
        """Move the slider of a gate, as a hand does."""
        self.browser.execute_script(
            """
            const slider = document.querySelector(`.gate input[aria-label^="${arguments[0]},"]`);
            slider.focus();
            slider.value = arguments[1];
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            """,
            role,
            str(value),
        )

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list."""
        from selenium.webdriver.support.ui import Select

        Select(find(self.browser, selector)).select_by_value(value)

    def tried(self) -> list[str]:
        """What the list of what was tried says, the newest first."""
        read = "return Array.from(document.querySelectorAll('.past .what'), (node) => node.textContent)"
        return self.browser.execute_script(read)


def verdict_of(labels: Sequence[str], probabilities: Sequence[float]) -> tuple[str, str]:
    """The label and how sure it is, as a page has to write them."""
    best = max(range(len(labels)), key=lambda n: float(probabilities[n]))
    return labels[best], percent(round(float(probabilities[best]), 6))


def said_of(model: Classifier, text: str) -> tuple[str, str]:
    """The verdict of a model on a text, as a page has to write it."""
    (found,) = model.predict([text])
    return verdict_of(list(found.probabilities), list(found.probabilities.values()))


def said_while_held(model: Classifier, text: str, held: Any) -> tuple[str, str]:
    """The same, while values are held as `peephole.clamp` takes them."""
    found = peephole.clamp(model, text, held).text
    return verdict_of(found.labels, found.probabilities)
