"""`Service`: the models, their batchers, the queues and the numbers of one process."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from peephole.classifier import Classifier
from peephole.ops import available_threads
from peephole.serve.batcher import Batcher
from peephole.serve.bodies import ExplainBody
from peephole.serve.metrics import Metrics
from peephole.serve.models import ClassifierScorer, values_of
from peephole.serve.places import Places
from peephole.serve.runner import Runner
from peephole.serve.settings import Settings

_MOST_CALLERS = 16  # they share one interpreter; more processors are for more workers


class _Question(NamedTuple):
    classifier: Classifier
    name: str
    body: ExplainBody
    html: bool


_Asked = tuple[_Question, threading.Event]  # the event: nobody waits for it any more


class Service:
    """What answers, without HTTP.

    Args:
        settings: the limits.
        classifiers: by name, the default one first; at least one.
    """

    def __init__(self, settings: Settings, classifiers: Mapping[str, Classifier]) -> None:
        self.settings = settings
        self.classifiers = dict(classifiers)
        self.names = tuple(self.classifiers)
        self.values = {name: values_of(classifier) for name, classifier in classifiers.items()}
        self.metrics = Metrics()
        self.queues = {
            "/predict": Places(settings.queue_texts),
            "/explain": Places(settings.queue_explanations),
        }
        self.stopping = False
        self.batchers = {
            name: Batcher(
                ClassifierScorer(classifier),
                batch_tokens=settings.batch_tokens,
                long_characters=settings.long_characters,
                callers=min(_MOST_CALLERS, available_threads()),
                seen=functools.partial(self.metrics.batch, name),
            )
            for name, classifier in self.classifiers.items()
        }
        self._explainer: Runner[_Asked, bytes] = Runner("peephole-explain", _while_wanted, most=1, threads=1)

    @property
    def ready(self) -> bool:
        """Whether another request would find a place."""
        return not self.stopping and not self.queues["/predict"].full

    async def explain(self, body: ExplainBody, *, html: bool = False) -> bytes:
        """Return the answer to ``POST /explain`` as JSON, or as one file of HTML.

        Cancelling it stops the explanation, even one that has begun.
        """
        name = body.model or self.names[0]
        question = _Question(self.classifiers[name], name, body, html)
        left = threading.Event()
        try:
            (answer,) = await asyncio.wrap_future(self._explainer.submit([(question, left)], [1]))
        finally:
            left.set()
        return answer

    async def close(self) -> None:
        """Finish what was accepted."""
        self.stopping = True
        for batcher in self.batchers.values():
            await batcher.close()
        await asyncio.to_thread(self._explainer.close)


def _while_wanted(asked: list[_Asked]) -> Sequence[bytes]:
    from peephole.insight.stopping import stoppable

    answers: list[bytes] = []
    for question, left in asked:
        with stoppable(left.is_set):
            answers.append(_explained(question))
    return answers


def _explained(question: _Question) -> bytes:
    from peephole.insight.page import explained_page, page_html

    body = question.body
    found, page = explained_page(
        question.classifier,
        body.text,
        method=body.method,
        target=body.target,
        faithfulness=body.faithfulness,
        phrases=body.phrases,
        held=body.held,
    )
    if question.html:
        return page_html(page).encode()
    document = {"model": question.name, "explanation": found.to_dict(), "page": page}
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
