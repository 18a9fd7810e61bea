"""The embedding service people write first: FastAPI, tokenizers, ONNX Runtime, one text a run. One process, defaults everywhere.

    python3 bench/encoder_service.py FOLDER PORT
"""

import pathlib
import sys

import numpy
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

FOLDER, PORT = pathlib.Path(sys.argv[1]), int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
app = FastAPI()


class Request(BaseModel):
    input: str


@app.get("/healthz")
def health():
    return {"status": "ok"}


@app.post("/v1/embeddings")
def embed(request: Request):
    encoded = tokenizer.encode(request.input)
    feed = {"input_ids": [encoded.ids], "attention_mask": [encoded.attention_mask], "token_type_ids": [encoded.type_ids]}
    (states,) = session.run(None, {name: numpy.array(values, dtype=numpy.int64) for name, values in feed.items()})
    vector = states[0].mean(axis=0)
    return {"data": [{"index": 0, "embedding": (vector / numpy.linalg.norm(vector)).tolist()}]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", access_log=False)
