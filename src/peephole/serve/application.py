"""The ASGI application: paths, what is wrapped around them, and how errors are answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from peephole import __version__
from peephole.errors import PeepholeError
from peephole.serve import endpoints, schema
from peephole.serve.asgi import App, Receive, Scope, Send
from peephole.serve.guard import Guard
from peephole.serve.observe import Observe
from peephole.serve.problems import MEDIA_TYPE, ClientGoneError, Problem, asked, mistake, no_path, problem_of
from peephole.serve.service import Service
from peephole.serve.visit import visit_of

_ASKING = (400, 408, 413, 415, 422, 500, 503, 504)
_DESCRIPTION = "Labels of texts, and why. Refusals are `application/problem+json`, with `request_id`, which the log has too."


def application(service: Service) -> App:
    """Return the application that answers for a service, and closes it when it is shut down.

    Example:
        >>> import asyncio, httpx, peephole
        >>> from peephole.serve import Settings
        >>> async def ask():
        ...     app = application(Service(Settings(), {"reviews": peephole.load()}))
        ...     client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        ...     return await client.post("/predict", json={"inputs": "Not bad at all.", "parameters": {"top_k": 1}})
        >>> asyncio.run(ask()).json()[0]["label"]
        'positive'
    """
    app: App = Guard(_api(service), service.settings, service.queues, service.metrics)
    if service.settings.cors_origin:
        app = CORSMiddleware(
            app,
            allow_origins=service.settings.cors_origin,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    return Observe(app, service.metrics, service.settings.deadline_seconds)


def _api(service: Service) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        yield
        await service.close()

    api = FastAPI(
        title="Peephole",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever host the client names
        lifespan=lifespan,
    )
    _add_paths(api, service)
    api.add_exception_handler(Problem, _on_problem)
    api.add_exception_handler(PeepholeError, _on_error)
    api.add_exception_handler(ClientGoneError, _on_leaving)
    api.add_exception_handler(HTTPException, _on_refusal)
    api.add_exception_handler(Exception, _on_mistake)
    if service.settings.token is not None:
        _require_token(api)
    return api


def _add_paths(api: FastAPI, service: Service) -> None:
    from peephole.insight.explanations import methods

    classifiers = service.classifiers
    names = ("auto", *(method.name for method in methods()))
    held = ("auto", *(method.name for method in methods() if not method.traced))
    refused: Any = schema.problem_answers(_ASKING)
    api.get("/", include_in_schema=False)(endpoints.page)
    api.post(
        "/predict",
        summary="Label texts",
        responses={200: schema.predict_answer(), **refused},
        openapi_extra=schema.predict_request(service.settings, classifiers),
    )(endpoints.predict_endpoint(service))
    api.post(
        "/explain",
        summary="Explain an answer: words, gates, conveyor",
        responses={200: schema.explain_answer(), **refused},
        openapi_extra=schema.explain_request(service.settings, classifiers, names, held, service.values),
    )(endpoints.explain_endpoint(service, names))
    api.get("/models", summary="List the models", responses={200: schema.models_answer()})(
        endpoints.models_endpoint(service)
    )
    api.get("/health", summary="Does the process live?", responses={200: schema.state_answer("It does")})(
        endpoints.health
    )
    api.get(
        "/ready",
        summary="Would a request find a place?",
        responses={200: schema.state_answer("It would"), **schema.problem_answers([503])},
    )(endpoints.ready_endpoint(service))
    api.get("/metrics", summary="Numbers for Prometheus", response_class=PlainTextResponse)(
        endpoints.metrics_endpoint(service)
    )


def _require_token(api: FastAPI) -> None:
    """Say in OpenAPI that every path but the probes wants the token."""
    document = api.openapi()
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        if path in ("/health", "/ready"):
            continue
        for operation in operations.values():
            operation["security"] = [{"token": []}]
            operation["responses"].update(
                {str(status): answer for status, answer in schema.problem_answers([401]).items()}
            )


def _respond(request: Request, problem: Problem) -> Response:
    body = problem.body(visit_of(request.scope).id)
    return Response(body, problem.status, headers={**problem.headers, "content-type": MEDIA_TYPE})


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _respond(request, error)


def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PeepholeError)
    return _respond(request, problem_of(error))


class _NoAnswer(Response):
    """What is sent to a client that has left."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send nothing."""


def _on_leaving(request: Request, error: Exception) -> Response:
    return _NoAnswer()


def _on_mistake(request: Request, error: Exception) -> Response:
    return _respond(request, mistake())  # it is raised again after this, and logged


def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    method, path = (
        request.method,
        request.scope["path"],
    )  # not that of its URL, which the Host header is part of
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return _respond(
            request, Problem(405, f"{asked(method, path)}: must be {allowed}", headers=error.headers)
        )
    if error.status_code == 404:
        return _respond(request, no_path(method, path))
    return _respond(request, Problem(error.status_code, str(error.detail), headers=error.headers))
