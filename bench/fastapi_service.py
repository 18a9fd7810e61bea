"""The service people write first: FastAPI, pydantic, ONNX Runtime. One process, defaults everywhere.

    python3 bench/fastapi_service.py MODEL.onnx PORT
"""

import sys

import numpy
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

MODEL, PORT = sys.argv[1], int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
model_input = session.get_inputs()[0]
shape = [size if isinstance(size, int) else 1 for size in model_input.shape]
app = FastAPI()


class Request(BaseModel):
    input: list[float]


@app.get("/healthz")
def health():
    return {"status": "ok"}


@app.post("/predict")
def predict(request: Request):
    values = numpy.array(request.input, dtype=numpy.float32).reshape(shape)
    outputs = session.run(None, {model_input.name: values})
    return {"output": outputs[0].tolist()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", access_log=False)
