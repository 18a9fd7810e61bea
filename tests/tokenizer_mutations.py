"""Damaged tokenizer.json files, made from sound ones: reproducible by their number.

    mutated(content, seed) -> bytes

Most changes keep the file JSON: they hit one value, name or list. The others hit any byte."""

import json
import random

STRANGE = [None, True, False, 0, -1, 1, 2**31 - 1, 2**32, 2**63, -2**63, 1e308, 0.5, "", "\ufffd", "\0", "a" * 5000, "(a+)+$", "[", "\\p{L", "(?R)", "▁", [], {}, [[]], [["a"]], {"a": {}},
           "BPE", "WordPiece", "Unigram", "WordLevel", "Sequence", "ByteLevel", "Split", "Replace", "Precompiled", "TemplateProcessing", "Metaspace", "AAAA", "////"]
BIG = 200  # entries of a list or an object beyond which only some are walked: a vocabulary


def places(value, random_):
    """(container, key) of every part that may change, few of a vocabulary."""
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return
    if len(keys) > BIG:
        keys = random_.sample(keys, 5)
    for key in keys:
        yield value, key
        yield from places(value[key], random_)


def changed(value, random_):
    if isinstance(value, bool) or value is None:
        return random_.choice(STRANGE)
    if isinstance(value, (int, float)):
        return random_.choice([value + 1, value - 1, -value, 0, value * 1000, random_.choice(STRANGE)])
    if isinstance(value, str):
        at = random_.randrange(len(value) + 1)
        return random_.choice([value[:at], value + value, value[:at] + random_.choice(["\0", "é", "(", "]", "*", " ", "\U0001f600"]) + value[at:],
                               random_.choice(STRANGE)])
    if isinstance(value, list):
        return random_.choice([[], value * 2 if len(value) < 1000 else value[::-1], value[:len(value) // 2], [value], random_.choice(STRANGE)])
    return random_.choice([{}, [value], dict(list(value.items())[:len(value) // 2]), random_.choice(STRANGE)])


def mutated(content, seed):
    random_ = random.Random(seed)
    if random_.random() < 0.1:
        broken = bytearray(content)
        for _ in range(random_.randint(1, 8)):
            broken[random_.randrange(len(broken))] = random_.randrange(256)
        return bytes(broken)
    tree = json.loads(content)
    for _ in range(random_.choice([1, 1, 1, 2, 3, 5])):
        all_places = list(places(tree, random_))
        if not all_places:
            break
        container, key = random_.choice(all_places)
        if random_.random() < 0.15:
            del container[key]
        elif random_.random() < 0.15:
            other, from_key = random_.choice(all_places)
            container[key] = json.loads(json.dumps(other[from_key])) if from_key in other or isinstance(other, list) and from_key < len(other) else None
        else:
            container[key] = changed(container[key], random_)
    return json.dumps(tree, ensure_ascii=False).encode(errors="surrogatepass")
