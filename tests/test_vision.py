"""Pictures in, what a model sees out: by HTTP in every form, and by `forebay run`."""

import base64
import json
import re
import struct
import zlib

import numpy
import pytest
import requests

from conftest import EXAMPLES, REFERENCE, ROOT, start_server
from onnx_writer import constant_model, node
from onnx_writer import model as onnx_model

SEVEN = (EXAMPLES / "seven.png").read_bytes()
NAMES = "{0: 'cat', 1: 'dog'}"


def png(pixels, orientation=None):
    """A PNG file of an array [height, width, 3] or [height, width], with an EXIF orientation if one is given."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in numpy.ascontiguousarray(pixels, dtype=numpy.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    exif = b"II" + struct.pack("<HIHHHIHHI", 42, 8, 1, 274, 3, 1, orientation, 0, 0) if orientation else b""
    chunks = ((b"IHDR", header), (b"eXIf", exif), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks if body or kind == b"IEND")


def grey_of(file):
    """The pixels of a grey PNG whose rows may be filtered."""
    at, body, shape = 8, b"", None
    while at < len(file):
        (size,), kind = struct.unpack(">I", file[at:at + 4]), file[at + 4:at + 8]
        if kind == b"IHDR":
            shape = struct.unpack(">II", file[at + 8:at + 16])
        body += file[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    width, height = shape
    raw, rows = zlib.decompress(body), []
    for y in range(height):
        kind, row = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        above = rows[-1] if rows else bytes(width)
        for x in range(width):
            left, up, corner = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            guess = left + up - corner
            nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            row[x] = (row[x] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
        rows.append(bytes(row))
    return numpy.frombuffer(b"".join(rows), dtype=numpy.uint8).reshape(height, width)


def yolo_v8():
    """64x64 pixels: a cat around (32, 32), the same once more, and a dog."""
    boxes = numpy.zeros((1, 6, 84), numpy.float32)
    boxes[0, :, 3] = [32, 32, 16, 8, 0.9, 0.1]
    boxes[0, :, 4] = [33, 32, 16, 8, 0.8, 0.1]
    boxes[0, :, 50] = [10, 20, 4, 8, 0.0, 0.6]
    return boxes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("vision")
    ultralytics = {"names": NAMES, "stride": "32", "imgsz": "[64, 64]", "task": "detect"}
    (made / "v8.onnx").write_bytes(constant_model([1, 3, 64, 64], {"output0": yolo_v8()}, ultralytics))
    v5 = numpy.zeros((1, 3 * 84, 7), numpy.float32)
    v5[0, 7] = [32, 32, 16, 8, 0.5, 0.9, 0.1]
    (made / "v5.onnx").write_bytes(constant_model([1, 3, 64, 64], {"output0": v5}, {"names": NAMES, "stride": "32"}))
    final = numpy.zeros((1, 300, 6), numpy.float32)
    final[0, 0] = [24, 28, 40, 36, 0.7, 1]
    (made / "final.onnx").write_bytes(constant_model([1, 3, 64, 64], {"output0": final}, ultralytics))
    instances = numpy.zeros((1, 7, 84), numpy.float32)
    instances[0, :, 3] = [32, 32, 16, 8, 0.9, 0.1, 1]
    planes = numpy.ones((1, 1, 16, 16), numpy.float32)
    (made / "masks.onnx").write_bytes(constant_model([1, 3, 64, 64], {"output0": instances, "output1": planes}, ultralytics | {"task": "segment"}))
    sky = numpy.zeros((1, 2, 8, 8), numpy.float32)
    sky[0, 1, :4] = 1
    (made / "sky.onnx").write_bytes(constant_model([1, 3, 64, 64], {"map": sky}, {"names": '["ground", "sky"]'}))
    heat = numpy.zeros((1, 1, 8, 8), numpy.float32)
    heat[0, 0, 2, 2] = 0.8
    (made / "screws.onnx").write_bytes(constant_model([1, 3, 64, 64], {"map": heat}))
    (made / "screws.forebay.json").write_text(json.dumps({"task": "anomaly", "preprocessing": {"scale": 0.00392}, "postprocessing": {"score_min": 0.5}}))
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory, folder):
    running = start_server(tmp_path_factory.mktemp("vision-server"), ["--models", folder, "--model", EXAMPLES / "digits.onnx", "--set", "http.image_pixels_max=1000000"])
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def sees(server, model, picture, query=""):
    answer = server.post(f"/predict?model={model}{query}", data=picture, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    return answer.json()


PHOTO = png(numpy.full((64, 128, 3), 90))  # twice as wide as high: half its size, with bars of 16 above and below


def test_a_classifier_answers_with_labels(server):
    body = sees(server, "digits", SEVEN)
    assert body["task"] == "classification"
    assert body["classes"][0]["label"] == "7" and body["classes"][0]["score"] > 0.9
    assert len(body["classes"]) == 5 and len(sees(server, "digits", SEVEN, "&top_k=2")["classes"]) == 2
    assert body["outputs"]["label"] == [7]
    assert "outputs" not in sees(server, "digits", SEVEN, "&raw=false")


def test_body_form_and_base64_mean_the_same(server):
    body = sees(server, "digits", SEVEN)["classes"]
    form = requests.post(server.url + "/predict", files={"image": ("seven.png", SEVEN, "image/png")}, data={"model": "digits"}, timeout=20)
    assert form.status_code == 200, form.text
    assert form.json()["classes"] == body
    text = base64.b64encode(SEVEN).decode()
    for image in (text, "data:image/png;base64," + text):
        answer = server.post("/predict", {"model": "digits", "image": image})
        assert answer.status_code == 200, answer.text
        assert answer.json()["classes"] == body


@pytest.mark.parametrize("model", ["v8", "v5", "final"])
def test_boxes_come_back_in_the_pictures_pixels(server, model):
    body = sees(server, model, PHOTO)
    assert body["task"] == "detection" and body["image"] == {"width": 128, "height": 64}
    first = body["detections"][0]
    assert first["label"] == ("dog" if model == "final" else "cat")
    assert first["score"] == pytest.approx({"v8": 0.9, "v5": 0.45, "final": 0.7}[model], abs=1e-5)
    assert first["box"] == pytest.approx([48, 24, 80, 40])
    assert "outputs" not in body and "outputs" in sees(server, model, PHOTO, "&raw=true")


def test_a_batch_of_pictures_answers_picture_by_picture(server):
    text = base64.b64encode(SEVEN).decode()
    alone = sees(server, "digits", SEVEN, "&top_k=2")
    numbers = [grey_of(SEVEN).tolist()]
    items = [{"image": text}, {"image": "no base64!"}, {"image": text[:60]}, {"input": numbers}, {"image": text, "input": numbers},
             {"image": "data:image/png;base64," + text}]
    answer = server.post("/predict/batch", {"model": "digits", "items": items, "top_k": 2})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (3, 3)
    for index in (0, 5):
        assert body["results"][index]["classes"] == alone["classes"]
        assert body["results"][index]["outputs"] == alone["outputs"] and body["results"][index]["image"] == alone["image"]
    assert [body["results"][index]["name"] for index in (1, 2, 4)] == ["image_not_base64", "image_invalid", "field_unknown"]
    assert "classes" not in body["results"][3] and "outputs" in body["results"][3]


def test_more_pictures_than_are_prepared_at_once_are_answered_in_order(server):
    photos = [png(numpy.full((8 + index, 16), 90)) for index in range(50)]
    items = [{"image": base64.b64encode(photo).decode()} for photo in photos]
    body = server.post("/predict/batch", {"model": "v8", "items": items, "raw": False}).json()
    assert [one["image"]["height"] for one in body["results"]] == [8 + index for index in range(50)]


def test_a_batch_may_be_a_form_with_several_files(server):
    files = [("image", ("a.png", SEVEN, "image/png")), ("image", ("b.png", SEVEN[:40], "image/png")), ("other", ("c.png", SEVEN, "image/png"))]
    answer = requests.post(server.url + "/predict/batch", files=files, data={"model": "digits", "top_k": "2", "raw": "false"}, timeout=20)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [one.get("name") for one in body["results"]] == [None, "image_invalid", None]
    assert body["results"][2]["classes"] == sees(server, "digits", SEVEN, "&top_k=2")["classes"] and "outputs" not in body["results"][2]
    single = requests.post(server.url + "/predict", files=files, data={"model": "digits"}, timeout=20).json()
    assert single["name"] == "form_invalid" and "/predict/batch" in single["hint"]
    none = requests.post(server.url + "/predict/batch", files=[("image", b"")][:0], data={"model": "digits"}, timeout=20)
    assert none.status_code == 400, "a form of another kind is read as JSON"
    assert server.post("/predict/batch", data="x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_results_beyond_the_bytes_of_an_answer_fail_alone(serve):
    server = serve(EXAMPLES / "digits.onnx", "--set", "http.batch_answer_bytes_max=1500")
    image = base64.b64encode(SEVEN).decode()
    body = server.post("/predict/batch", {"items": [{"image": image}] * 20}).json()
    assert body["succeeded"] >= 1 and body["succeeded"] + body["failed"] == 20
    assert {one["name"] for one in body["results"] if "name" in one} == {"answer_too_large"}


def test_overlapping_boxes_of_one_class_are_one(server):
    assert [one["label"] for one in sees(server, "v8", PHOTO)["detections"]] == ["cat", "dog"]
    assert len(sees(server, "v8", PHOTO, "&overlap_max=0.99")["detections"]) == 3
    assert len(sees(server, "v8", PHOTO, "&score_min=0.7")["detections"]) == 1
    assert len(sees(server, "v8", PHOTO, "&detections_max=1")["detections"]) == 1
    assert sees(server, "v8", PHOTO, "&score_min=0.95")["detections"] == []


# What a camera stores when it is held so that the orientation's number says how to turn the picture upright.
STORED = {1: lambda p: p, 2: numpy.fliplr, 3: lambda p: numpy.rot90(p, 2), 4: numpy.flipud, 5: numpy.transpose, 6: numpy.rot90,
          7: lambda p: numpy.rot90(p, 2).T, 8: lambda p: numpy.rot90(p, -1)}


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_turned_upright_by_its_exif_data(server, orientation):
    upright = grey_of(SEVEN)
    body = sees(server, "digits", png(STORED[orientation](upright), orientation))
    assert body["classes"] == sees(server, "digits", png(upright))["classes"]


def test_boxes_are_in_the_upright_pictures_pixels(server, forebay, folder, tmp_path):
    stored = png(numpy.full((128, 64, 3), 90), 6)
    body = sees(server, "v8", stored)
    assert body["image"] == {"width": 128, "height": 64}
    assert body["detections"][0]["box"] == pytest.approx([48, 24, 80, 40])
    (tmp_path / "photo.png").write_bytes(stored)
    done = forebay("run", folder / "v8.onnx", tmp_path / "photo.png", "--output", "png", "-o", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    assert struct.unpack(">II", (tmp_path / "out.png").read_bytes()[16:24]) == (128, 64)


def test_instances_have_masks(server):
    body = sees(server, "masks", PHOTO)
    assert body["task"] == "instances"
    mask = body["detections"][0]["mask"]
    assert mask["size"] == [64, 128] and sum(mask["counts"]) == 64 * 128
    assert sum(mask["counts"][1::2]) == 32 * 16


def test_segmentation_gives_a_class_for_each_pixel(server):
    body = sees(server, "sky", png(numpy.zeros((32, 32, 3))))
    assert [one["label"] for one in body["segmentation"]["classes"]] in (["ground", "sky"], ["sky", "ground"])
    classes = grey_of(base64.b64decode(body["segmentation"]["png"]))
    assert classes.shape == (32, 32) and classes[0, 0] == 1 and classes[31, 31] == 0


def test_anomalies_have_a_score_and_a_heat_map(server):
    body = sees(server, "screws", png(numpy.zeros((32, 32, 3))))
    assert body["anomaly"]["score"] > 0.5 and body["anomaly"]["is_anomaly"]
    heat = grey_of(base64.b64decode(body["anomaly"]["heat_map"]["png"]))
    assert numpy.unravel_index(heat.argmax(), heat.shape)[0] in range(8, 12)
    assert not sees(server, "screws", png(numpy.zeros((32, 32, 3))), "&score_min=0.9")["anomaly"]["is_anomaly"]


def test_what_was_assumed_is_shown(server, forebay, folder):
    vision = server.get("/model/info?model=digits").json()["description"]["vision"]
    assert vision["source"] == "shapes" and vision["task"] == "classification" and vision["assumed"]
    assert server.get("/model/info?model=v8").json()["description"]["vision"]["source"] == "metadata"
    table = forebay("inspect", folder / "screws.onnx").stdout
    assert "anomaly, by sidecar" in table


@pytest.mark.parametrize("change,status,name", [
    ({"image": "no base64!"}, 400, "image_not_base64"),
    ({"image": base64.b64encode(b"GIF89a").decode()}, 415, "image_unsupported"),
    ({"image": base64.b64encode(SEVEN[:40]).decode()}, 400, "image_invalid"),
    ({"image": base64.b64encode(png(numpy.zeros((1000, 1001)))).decode()}, 413, "image_too_large"),
    ({"image": "AAAA", "input": [1]}, 400, "field_unknown"),
    ({"image": "AAAA", "top_k": 0}, 400, "field_range"),
])
def test_bad_pictures_are_told_what_is_wrong(server, change, status, name):
    answer = server.post("/predict", {"model": "digits"} | change)
    assert (answer.status_code, answer.json()["name"]) == (status, name)


def test_a_picture_of_exactly_the_limit_is_taken(server):
    assert sees(server, "digits", png(numpy.zeros((1000, 1000))))["image"] == {"width": 1000, "height": 1000}


def test_bad_forms_are_told_what_is_wrong(server):
    def post(files, data):
        return requests.post(server.url + "/predict", files=files, data=data, timeout=20).json()["name"]

    assert post({"a": b"x", "b": b"y"}, {"model": "digits"}) == "form_invalid"
    assert post({"image": SEVEN}, {"model": "digits", "topk": "1"}) == "field_unknown"
    assert post({"image": SEVEN}, {"model": "digits", "top_k": "x"}) == "field_range"
    broken = server.post("/predict", data=b"--x\r\nnothing", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code == 400 and broken.json()["name"] == "form_invalid"


def test_a_wrong_sidecar_keeps_the_model_from_loading_and_names_its_field(forebay, folder, tmp_path):
    (tmp_path / "m.onnx").write_bytes((folder / "sky.onnx").read_bytes())
    (tmp_path / "m.forebay.json").write_text('{"preprocessing": {"chanels": "bgr"}}')
    done = forebay("inspect", tmp_path / "m.onnx")
    assert done.returncode != 0 and "FB1070" in done.stderr and "channels" in done.stderr


def test_an_image_processors_file_beside_the_model_is_followed(forebay, tmp_path):
    # The model gives back what it is given: a picture of one colour as three numbers.
    (tmp_path / "m.onnx").write_bytes(onnx_model([node("Identity", ["image"], ["y"])], [("image", "float32", [1, 3, 1, 1])], [("y", "float32", [1, 3, 1, 1])], {}))
    (tmp_path / "photo.png").write_bytes(png(numpy.full((4, 6, 3), (51, 102, 204))))
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 1, "width": 1}, "resample": 2, "rescale_factor": 1 / 255,
                 "do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 2]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    assert "by image_processor" in forebay("inspect", tmp_path / "m.onnx").stdout
    answer = json.loads(forebay("run", tmp_path / "m.onnx", tmp_path / "photo.png", "--output", "json").stdout)
    values = numpy.ravel(answer["outputs"]["y"] if "outputs" in answer else answer["y"])
    assert values == pytest.approx([(0.2 - 0.1) / 0.5, (0.4 - 0.2) / 0.25, (0.8 - 0.3) / 2], abs=1e-5)
    (tmp_path / "preprocessor_config.json").write_text("{")
    assert "side_file_ignored" in forebay("inspect", tmp_path / "m.onnx").stdout


def test_the_guides_sidecar_fits_a_detector(forebay, folder, tmp_path):
    guide = (ROOT / "docs/guides/serve_a_vision_model.md").read_text(encoding="utf-8")
    (sidecar,) = [block for block in re.findall(r"```json\n(.*?)```", guide, re.DOTALL) if "preprocessing" in block]
    (tmp_path / "m.onnx").write_bytes((folder / "v8.onnx").read_bytes())
    (tmp_path / "m.forebay.json").write_text(sidecar)
    done = forebay("inspect", tmp_path / "m.onnx")
    assert done.returncode == 0, done.stderr
    assert "detection, by sidecar" in done.stdout


def test_run_draws_what_it_sees(forebay, folder, tmp_path):
    (tmp_path / "photo.png").write_bytes(PHOTO)
    for model in ("v8", "masks", "sky", "screws"):
        done = forebay("run", folder / f"{model}.onnx", tmp_path / "photo.png", "--output", "png", "-o", tmp_path / "out.png")
        assert done.returncode == 0, done.stderr
        drawn = (tmp_path / "out.png").read_bytes()
        assert drawn.startswith(b"\x89PNG") and struct.unpack(">II", drawn[16:24]) == (128, 64)
        assert drawn != PHOTO
    text = forebay("run", folder / "v8.onnx", tmp_path / "photo.png").stdout
    assert "cat" in text and "48,24 to 80,40" in text
    answer = json.loads(forebay("run", folder / "v8.onnx", tmp_path / "photo.png", "--output", "json").stdout)
    assert answer["detections"][0]["box"] == pytest.approx([48, 24, 80, 40])
    assert forebay("run", folder / "v8.onnx", tmp_path / "photo.png", "--output", "csv").stdout.splitlines()[0].startswith("label,index,score")


if REFERENCE:
    @pytest.fixture(scope="module")
    def trained(tmp_path_factory):
        models = {"yolox": "onnx/yolox_nano.onnx", "sinet": "onnx/segmentation/SINet.onnx", "mnist": "onnx/burn/mnist.onnx"}
        arguments = [part for name, path in models.items() for part in ("--model", f"{name}={REFERENCE / path}")]
        running = start_server(tmp_path_factory.mktemp("trained"), arguments)
        try:
            running.wait_until_ready()
            yield running
        finally:
            running.stop()

    # Numbers of COCO: 0 person, 2 car, 15 cat, 21 bear.
    @pytest.mark.parametrize("file,wanted", [("coco/000000000285.jpg", 21), ("coco/000000001000.jpg", 0), ("burn/cat.jpg", 15), ("torchserve/kitten.jpg", 15), ("ovms/road1.jpg", 2)])
    def test_a_trained_detector_finds_what_is_on_the_photo(trained, file, wanted):
        answer = trained.post("/predict?model=yolox", data=(REFERENCE / "images" / file).read_bytes(), headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert wanted in [one["index"] for one in body["detections"][:3]], body["detections"][:5]
        for one in body["detections"]:
            left, top, right, bottom = one["box"]
            assert 0 <= left <= right <= body["image"]["width"] and 0 <= top <= bottom <= body["image"]["height"]
