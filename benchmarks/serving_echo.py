"""An endpoint that does nothing but read a body, parse it and send as many bytes as an answer has; for `serving.py`.

python benchmarks/serving_echo.py --port PORT
"""

from __future__ import annotations

import json
import sys

import uvicorn
from fastapi import FastAPI, Request, Response

ANSWER = json.dumps(
    [{"label": "positive", "score": 0.978745}, {"label": "negative", "score": 0.021255}],
    separators=(",", ":"),
)

app = FastAPI(openapi_url=None)


@app.post("/predict")
async def predict(request: Request) -> Response:
    document = json.loads(await request.body())
    assert isinstance(document["inputs"], str)
    return Response(ANSWER, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[-1]), http="httptools", log_level="warning", access_log=False)
