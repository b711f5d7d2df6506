"""What each path answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from peephole import __version__
from peephole.classifier.prediction import predictions
from peephole.serve.bodies import explain_body, predict_body
from peephole.serve.guard import RETRY_SECONDS, full
from peephole.serve.metrics import CONTENT_TYPE
from peephole.serve.models import described
from peephole.serve.page import live_page
from peephole.serve.problems import ClientGoneError, Problem
from peephole.serve.service import Service
from peephole.serve.visit import Visit, visit_of
from peephole.serve.waiting import outcome

Endpoint = Callable[[Request], Awaitable[Response]]


def predict_endpoint(service: Service) -> Endpoint:
    """Return the endpoint that labels texts."""

    async def predict(request: Request) -> Response:
        visit = visit_of(request.scope)
        data = await _body(request, visit)
        body = predict_body(data, service.settings, service.names)
        name = body.model or service.names[0]
        visit.facts.update(model=name, texts=len(body.texts))
        if service.settings.log_texts:
            visit.facts["inputs"] = list(body.texts)
        places = service.queues["/predict"]
        if visit.claim is None or not visit.claim.grow(len(body.texts)):
            raise full("predict", places)
        service.metrics.queue("predict", places.taken)
        found = await _outcome(service, request, visit, service.batchers[name].answer(body.texts))
        visit.facts["tokens"] = sum(one.tokens for one in found)
        labels = service.classifiers[name].labels
        rows = [
            [{"label": label, "score": round(score, 6)} for label, score in one.probabilities.items()]
            for scored, text in zip(found, body.texts, strict=True)
            for one in predictions([text], scored.probabilities[None], labels, body.top_k)
        ]
        return _json(rows[0] if body.single else rows)

    return predict


def explain_endpoint(service: Service, methods: tuple[str, ...]) -> Endpoint:
    """Return the endpoint that explains a text."""

    async def explain(request: Request) -> Response:
        visit = visit_of(request.scope)
        data = await _body(request, visit)
        body = explain_body(data, service.settings, service.values, methods)
        visit.facts.update(model=body.model or service.names[0], texts=1)
        if service.settings.log_texts:
            visit.facts["inputs"] = [body.text]
        html = "text/html" in request.headers.get("accept", "")
        answer = await _outcome(service, request, visit, service.explain(body, html=html))
        return Response(answer, media_type="text/html" if html else "application/json")

    return explain


async def page(request: Request) -> Response:
    """Give the page for people."""
    body, headers = live_page()
    return Response(body, media_type="text/html", headers=headers)


def models_endpoint(service: Service) -> Endpoint:
    """Return the endpoint that lists the models."""
    listed = described(service.classifiers)

    async def models(request: Request) -> Response:
        return _json(listed)

    return models


async def health(request: Request) -> Response:
    """Say that the process lives."""
    return _json({"status": "ok", "version": __version__})


def ready_endpoint(service: Service) -> Endpoint:
    """Return the endpoint that says whether a request would find a place."""

    async def ready(request: Request) -> Response:
        if service.ready:
            return _json({"status": "ready"})
        why = "it is being stopped" if service.stopping else "its queue is full"
        raise Problem(
            503,
            f"ready: the server must have a place for another request; {why}",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )

    return ready


def metrics_endpoint(service: Service) -> Endpoint:
    """Return the endpoint that Prometheus reads."""

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE})

    return metrics


def _json(document: object) -> Response:
    return Response(json.dumps(document, separators=(",", ":")), media_type="application/json")


async def _body(request: Request, visit: Visit) -> bytes:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Problem(
            415,
            f"Content-Type: must be application/json; got {kind[:60]!r}",
            hint="with curl: -H 'Content-Type: application/json'",
        )
    try:
        data = await request.body()
    except ClientDisconnect:
        raise ClientGoneError from None
    visit.facts["bytes"] = len(data)
    return data


async def _outcome(service: Service, request: Request, visit: Visit, work: Any) -> Any:
    return await outcome(work, request.receive, visit.deadline, service.settings.deadline_seconds)
