"""The best rate ONNX Runtime alone reaches on texts that are already tokens: the fastest of several ways to batch them.

    python3 bench/bare_encoder.py FOLDER SHORTEST LONGEST   ->  texts a second
"""

import concurrent.futures
import os
import pathlib
import sys
import time

import numpy
import onnxruntime
from tokenizers import Tokenizer

from make_encoder import texts


def session_of(folder, threads):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


def batches_of(rows, tokens_max):
    """Sorted by length, padded to the longest of each batch."""
    rows = sorted(rows, key=len)
    batch = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row) > tokens_max:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def feed(batch):
    length = max(map(len, batch))
    ids = numpy.array([row + [0] * (length - len(row)) for row in batch], dtype=numpy.int64)
    mask = numpy.array([[1] * len(row) + [0] * (length - len(row)) for row in batch], dtype=numpy.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def rate(session, rows, tokens_max, lanes):
    feeds = [feed(batch) for batch in batches_of(rows, tokens_max)]
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        list(pool.map(lambda one: session.run(None, one), feeds[:lanes]))
        began = time.perf_counter()
        list(pool.map(lambda one: session.run(None, one), feeds))
        return len(rows) / (time.perf_counter() - began)


def best_rate(folder, shortest, longest, count=400):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = [encoded.ids for encoded in tokenizer.encode_batch(texts(count, shortest, longest, seed=5))]
    cores = len(os.sched_getaffinity(0))
    best = 0
    for threads, lanes in ((cores, 1), (1, cores)):
        session = session_of(folder, threads)
        best = max([best, *(rate(session, rows, tokens_max, lanes) for tokens_max in (1, 256, 512, 1024, 2048))])
    return best


if __name__ == "__main__":
    print(best_rate(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
