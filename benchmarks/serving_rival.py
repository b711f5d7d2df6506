"""The same classifier behind FastAPI as a user of torch would serve it, tuned; for `serving.py`.

    python benchmarks/serving_rival.py MODEL [--port 8000] [--callers 2] [--threads 1] [--budget 4000] [--dtype bfloat16]

What waits runs together, as soon as the model is free: cut into tokens by the same tokenizer, sorted by length, in batches
of at most `--budget` places with their padding, in inference mode. On padded batches, which are faster in torch than packed
sequences, a second LSTM reads each text reversed within its own length, so padding changes no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import torch
import uvicorn
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray

from peephole.classifier import Classifier, load
from scoring_rivals import TorchRival, score

MOST = 128  # texts that are run together


class Model:
    """Answers texts, those that wait together in one call."""

    def __init__(self, classifier: Classifier, rival: TorchRival, budget: int, callers: int) -> None:
        self._classifier, self._rival, self._budget = classifier, rival, budget
        self._waiting: asyncio.Queue[tuple[str, asyncio.Future[NDArray]]] = asyncio.Queue()
        self._pool = ThreadPoolExecutor(callers)
        self.labels = classifier.labels

    async def answer(self, text: str) -> NDArray:
        """Return the probabilities `[C]` of a text."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((text, future))
        return await future

    async def run(self) -> None:
        """Work through what waits, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            rows = await loop.run_in_executor(self._pool, self._score, [text for text, _ in batch])
            for (_, future), row in zip(batch, rows, strict=True):
                if not future.done():
                    future.set_result(row)

    def _score(self, texts: list[str]) -> NDArray:
        ids = self._classifier.tokenizer.encode_batch(texts)
        return score(self._rival, ids, self._budget, self._classifier.config.temperature)


def application(model: Model, callers: int) -> FastAPI:
    """Return the application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        tasks = [asyncio.ensure_future(model.run()) for _ in range(callers)]
        yield
        for task in tasks:
            task.cancel()

    app = FastAPI(openapi_url=None, lifespan=lifespan)

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        document = json.loads(await request.body())
        row = (await model.answer(document["inputs"])).tolist()
        found = sorted(zip(model.labels, row, strict=True), key=lambda pair: -pair[1])
        answer = [{"label": label, "score": round(share, 6)} for label, share in found]
        return Response(json.dumps(answer, separators=(",", ":")), media_type="application/json")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch, for each call")
    parser.add_argument("--callers", type=int, default=1, help="calls at once")
    parser.add_argument("--budget", type=int, default=16_000, help="places of a batch")
    parser.add_argument("--packed", action="store_true", help="packed sequences instead of padded batches")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    classifier = load(options.model)
    rival = TorchRival(
        classifier.config, classifier.weights, packed=options.packed, dtype=getattr(torch, options.dtype)
    )
    model = Model(classifier, rival, options.budget, options.callers)
    uvicorn.run(
        application(model, options.callers),
        port=options.port,
        http="httptools",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
