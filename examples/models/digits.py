"""digits.onnx: a small convolutional network that reads handwritten digits.

Data: the 1,797 digits of 8x8 pixels, values 0 to 16, that come with scikit-learn (test part of the "Optical Recognition of
Handwritten Digits" set, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0).
The graph scales its input itself: it takes the numbers as they are in the data set.
"""

import json
import struct
import zlib

import numpy
import torch
from onnx import TensorProto, helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional

import onnx_file
from recipe import rounded, seed_everything

SEED = 8
PIXEL_MAX = 16.0
STEPS = 1500
BATCH = 128
SHOWN = 5  # known answers that go into expected.json


class DigitNet(torch.nn.Module):
    """Two convolutions, a pool and a linear layer; takes [batch, 1, 8, 8], answers with logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 16, 3, padding=1)
        self.second = torch.nn.Conv2d(16, 32, 3, padding=1)
        self.out = torch.nn.Linear(32 * 4 * 4, 10)

    def forward(self, image):
        hidden = functional.relu(self.first(image / PIXEL_MAX))
        hidden = functional.max_pool2d(functional.relu(self.second(hidden)), 2)
        return self.out(functional.dropout(hidden.flatten(1), 0.4, self.training))


def shifted(images):
    """Moves each image by up to one pixel, so that the net does not learn where a stroke stands."""
    padded = functional.pad(images, (1, 1, 1, 1))
    row, column = (int(torch.randint(0, 3, ())) for _ in range(2))
    return padded[:, :, row:row + 8, column:column + 8]


def fit(images, labels, steps):
    """A trained DigitNet."""
    net = DigitNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(0, len(images), (BATCH,))
        loss = functional.cross_entropy(net(shifted(images[chosen])), labels[chosen], label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def graph(net):
    """The network as ONNX nodes, with the scaling in front and label and probabilities behind."""
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    weights["pixel_scale"] = numpy.array([1.0 / PIXEL_MAX], dtype=numpy.float32)
    same_size = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Mul", ["image", "pixel_scale"], ["scaled"], name="scale"),
        helper.make_node("Conv", ["scaled", "first.weight", "first.bias"], ["conv_1"], name="first", **same_size),
        helper.make_node("Relu", ["conv_1"], ["relu_1"], name="first_relu"),
        helper.make_node("Conv", ["relu_1", "second.weight", "second.bias"], ["conv_2"], name="second", **same_size),
        helper.make_node("Relu", ["conv_2"], ["relu_2"], name="second_relu"),
        helper.make_node("MaxPool", ["relu_2"], ["pooled"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten", axis=1),
        helper.make_node("Gemm", ["flat", "out.weight", "out.bias"], ["logits"], name="out", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
        helper.make_node("ArgMax", ["logits"], ["label"], name="argmax", axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10]),
               helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])]
    return onnx_file.graph("digits", nodes, inputs, outputs, weights)


def write_grey_png(path, pixels):
    """Writes 8-bit grey pixels [height, width] as a PNG (ISO/IEC 15948): signature, IHDR, IDAT, IEND."""
    height, width = pixels.shape

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(numpy.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                     + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def write_inputs(folder, image):
    """The same held-out seven as an array, as the body of a predict request and as a picture (grey 0 to 255, ink is light)."""
    numpy.save(folder / "digit.npy", image)
    (folder / "digit.json").write_text(json.dumps({"inputs": {"image": image.astype(int).tolist()}}) + "\n")
    write_grey_png(folder / "seven.png", numpy.rint(image[0, 0] * (255 / PIXEL_MAX)))


def make(run):
    """Trains, writes digits.onnx, seven.png, digit.npy and digit.json, and returns the known answers."""
    seed_everything(SEED)
    digits = load_digits()
    images = digits.images.astype(numpy.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.25, random_state=SEED, stratify=digits.target)
    net = fit(torch.from_numpy(train_x), torch.from_numpy(train_y), run.steps_or(STEPS))
    with torch.no_grad():
        probabilities = functional.softmax(net(torch.from_numpy(test_x)), dim=1).numpy()
    labels = probabilities.argmax(axis=1)
    accuracy = float((labels == test_y).mean())
    print(f"digits: {accuracy:.4f} of {len(test_y)} held-out digits are read correctly")

    onnx_file.write(run.folder / "digits.onnx", graph(net), {
        "description": "Reads one handwritten digit of 8x8 pixels, values 0 (paper) to 16 (ink).",
        "license": "Apache-2.0 (weights); CC BY 4.0 (training data)",
        "input_range": f"0,{PIXEL_MAX:g}",
        "labels": ",".join(str(digit) for digit in range(10)),
        "source": "sklearn.datasets.load_digits: E. Alpaydin and C. Kaynak, "
                  "Optical Recognition of Handwritten Digits, UCI, 1998",
        "accuracy": f"{accuracy:.4f} on {len(test_y)} held-out images",
    })
    onnx_file.require_same(run.folder / "digits.onnx", {"image": test_x[:32]},
                           {"probabilities": probabilities[:32], "label": labels[:32]})

    right = labels == test_y
    seven = int(numpy.flatnonzero(right & (test_y == 7))[0])
    write_inputs(run.folder, test_x[seven:seven + 1])
    shown = [seven] + [int(numpy.flatnonzero(right & (test_y == digit))[0]) for digit in range(SHOWN - 1)]
    return {
        "file": "digits.onnx",
        "accuracy": rounded(accuracy, 4),
        "cases": [{"image": test_x[row].astype(int).tolist(), "probabilities": rounded(probabilities[row]),
                   "label": int(labels[row])} for row in shown],
    }
