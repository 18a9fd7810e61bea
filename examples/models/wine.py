"""wine.onnx: which of three cultivars a wine was made from, told from 13 measurements.

Data: the 178 wines that come with scikit-learn (S. Aeberhard and M. Forina, Wine, UCI Machine Learning Repository, 1991,
CC BY 4.0). The graph standardises its input itself (ai.onnx.ml Scaler) and classifies it (ai.onnx.ml LinearClassifier).
"""

import csv

import numpy
from onnx import TensorProto, helper
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import onnx_file
from recipe import rounded, seed_everything

SEED = 13
SHOWN = 5     # known answers that go into expected.json
CSV_ROWS = 3  # rows of wine.csv, the first of the known answers


def graph(scaler, classifier):
    """The fitted pipeline as two ai.onnx.ml nodes."""
    classes, features = classifier.coef_.shape
    nodes = [
        helper.make_node("Scaler", ["features"], ["standardised"], name="standardise", domain="ai.onnx.ml",
                         offset=scaler.mean_.tolist(), scale=(1.0 / scaler.scale_).tolist()),
        helper.make_node("LinearClassifier", ["standardised"], ["label", "probabilities"], name="classify", domain="ai.onnx.ml",
                         classlabels_ints=classifier.classes_.tolist(), coefficients=classifier.coef_.ravel().tolist(),
                         intercepts=classifier.intercept_.tolist(), multi_class=1, post_transform="SOFTMAX"),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features])]
    outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
               helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])]
    return onnx_file.graph("wine", nodes, inputs, outputs, {})


def make(run):
    """Trains, writes wine.onnx and wine.csv, and returns the known answers."""
    seed_everything(SEED)
    wine = load_wine()
    rows = wine.data.astype(numpy.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        rows, wine.target, test_size=0.25, random_state=SEED, stratify=wine.target)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000)).fit(train_x, train_y)
    accuracy = float(pipeline.score(test_x, test_y))
    print(f"wine: {accuracy:.4f} of {len(test_y)} held-out wines are told correctly")

    onnx_file.write(run.folder / "wine.onnx", graph(pipeline[0], pipeline[1]), {
        "description": "Tells from 13 measurements which of three cultivars a wine was made from.",
        "license": "Apache-2.0 (weights); CC BY 4.0 (training data)",
        "features": ",".join(wine.feature_names),
        "labels": ",".join(wine.target_names),
        "source": "sklearn.datasets.load_wine: S. Aeberhard and M. Forina, Wine, UCI, 1991",
        "accuracy": f"{accuracy:.4f} on {len(test_y)} held-out rows",
    })
    labels, probabilities = pipeline.predict(test_x), pipeline.predict_proba(test_x)
    onnx_file.require_same(run.folder / "wine.onnx", {"features": test_x}, {"probabilities": probabilities, "label": labels})

    with open(run.folder / "wine.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(wine.feature_names)
        writer.writerows(rounded(test_x[:CSV_ROWS]))
    return {
        "file": "wine.onnx",
        "features": list(wine.feature_names),
        "accuracy": rounded(accuracy, 4),
        "cases": [{"features": rounded(test_x[row]), "probabilities": rounded(probabilities[row]), "label": int(labels[row])}
                  for row in range(SHOWN)],
    }
