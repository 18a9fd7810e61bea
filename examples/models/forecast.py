"""forecast.onnx: the next 24 hours of a small town's electric load from the last 48.

Data: made up here, by a day's and a week's rhythm and noise; no measurements are behind it. The model is a ridge regression with its
standardisation inside, and a sidecar that says how a long series is cut into windows.
"""

import json

import numpy
from onnx import TensorProto, helper

import onnx_file

SEED = 24
HOURS = 24 * 7 * 30
WINDOW = 48
AHEAD = 24
STRIDE = 24
PENALTY = 1.0
SHOWN_HOURS = 24 * 6  # rows of load.csv
NOISE = 0.05          # megawatts


def load(hours, random):
    """Megawatts by the hour: low at night, peaks at noon and in the evening, less on weekends."""
    hour, day = hours % 24, hours // 24 % 7
    daily = 0.5 * numpy.exp(-((hour - 12) / 3.0) ** 2) + 0.8 * numpy.exp(-((hour - 19) / 2.5) ** 2) - 0.3 * numpy.exp(-((hour - 3) / 3.0) ** 2)
    return 2.0 + daily - 0.25 * (day >= 5) + random.normal(0, NOISE, len(hours))


def windows(series):
    """Pairs of WINDOW hours and the AHEAD hours behind them, at every hour."""
    starts = range(len(series) - WINDOW - AHEAD)
    return numpy.stack([series[i:i + WINDOW] for i in starts]), numpy.stack([series[i + WINDOW:i + WINDOW + AHEAD] for i in starts])


def fit(x, y):
    """Weights and offsets of a ridge regression on standardised x, in closed form."""
    mean, deviation = x.mean(), x.std()
    ones = numpy.hstack([(x - mean) / deviation, numpy.ones((len(x), 1))])
    solved = numpy.linalg.solve(ones.T @ ones + PENALTY * numpy.eye(WINDOW + 1), ones.T @ y)
    return mean, deviation, solved[:-1], solved[-1]


def make(run):
    """Fits, writes forecast.onnx, its sidecar and load.csv, and returns the known answers."""
    random = numpy.random.default_rng(SEED)
    series = load(numpy.arange(HOURS), random)
    split = HOURS - 24 * 7 * 4
    mean, deviation, weights, offsets = fit(*windows(series[:split]))
    held_x, held_y = windows(series[split:])
    error = float(numpy.abs((held_x - mean) / deviation @ weights + offsets - held_y).mean())
    print(f"forecast: off by {error:.4f} MW on average in four held-out weeks; the noise alone is {NOISE} MW")

    constants = {"mean": mean, "deviation": deviation, "weights": weights, "offsets": offsets}
    nodes = [helper.make_node("Sub", ["load", "mean"], ["centred"]), helper.make_node("Div", ["centred", "deviation"], ["standardised"]),
             helper.make_node("MatMul", ["standardised", "weights"], ["raw"]), helper.make_node("Add", ["raw", "offsets"], ["next"])]
    inputs = [helper.make_tensor_value_info("load", TensorProto.FLOAT, ["batch", WINDOW])]
    outputs = [helper.make_tensor_value_info("next", TensorProto.FLOAT, ["batch", AHEAD])]
    made = onnx_file.graph("forecast", nodes, inputs, outputs, {name: numpy.asarray(value, numpy.float32) for name, value in constants.items()})
    onnx_file.write(run.folder / "forecast.onnx", made, {
        "description": "Tells the next 24 hours of a made-up town's electric load from the last 48.",
        "license": "Apache-2.0",
        "source": "made up by forecast.py",
        "mean_absolute_error": f"{error:.4f} MW in four held-out weeks",
    })
    shown = numpy.round(series[split:split + SHOWN_HOURS], 3).astype(numpy.float32)
    cut = numpy.stack([shown[i:i + WINDOW] for i in range(0, SHOWN_HOURS - WINDOW + 1, STRIDE)])
    expected = (cut.astype(numpy.float64) - mean) / deviation @ weights + offsets
    onnx_file.require_same(run.folder / "forecast.onnx", {"load": cut}, {"next": expected})
    (run.folder / "load.csv").write_text("".join(f"{value:.3f}\n" for value in shown))
    (run.folder / "forecast.forebay.json").write_text(json.dumps({"series": {"window": WINDOW, "stride": STRIDE}}) + "\n")
    return {"file": "forecast.onnx", "window": WINDOW, "stride": STRIDE, "error": round(error, 4),
            "cases": [{"start": i * STRIDE, "next": [float(f"{value:.6g}") for value in row]} for i, row in enumerate(expected)]}
