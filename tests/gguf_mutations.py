"""Damaged GGUF files, made from sound ones: reproducible by their number.

    mutated(content, seed) -> bytes

Half of the changes know the layout (they hit numbers, types, shapes, keys and lists of the header), the others hit any byte of it."""

import random
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
INTERESTING = [0, 1, 2, 3, 5, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 511, 512, 513, 1000, 4096, 65535, 65536, 1 << 24, (1 << 31) - 1,
               1 << 31, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1]


class Layout:
    """Where the fields of a GGUF header lie: (offset, bytes) of numbers, texts and types."""

    def __init__(self, content):
        self.content = content
        self.numbers = [(8, 8), (16, 8)]
        self.texts = []
        self.at = 24
        tensors, entries = struct.unpack_from("<QQ", content, 8)
        for _ in range(entries):
            self._text()
            self.numbers.append((self.at, 4))
            self._value(self._take("<I"))
        for _ in range(tensors):
            self._text()
            rank = self._number("<I", 4)
            for _ in range(rank + 1):
                self._number("<Q" if _ < rank else "<I", 8 if _ < rank else 4)
            self._number("<Q", 8)
        self.end = self.at

    def _take(self, form):
        value, = struct.unpack_from(form, self.content, self.at)
        self.at += struct.calcsize(form)
        return value

    def _number(self, form, size):
        self.numbers.append((self.at, size))
        return self._take(form)

    def _text(self):
        length = self._number("<Q", 8)
        if length:
            self.texts.append((self.at, length))
        self.at += length

    def _value(self, kind):
        if kind == 8:
            self._text()
        elif kind == 9:
            element = self._number("<I", 4)
            count = self._number("<Q", 8)
            if element in (8, 9):
                for _ in range(count):
                    self._value(element)
            else:
                if count:
                    self.numbers.append((self.at, SIZES[element]))
                self.at += count * SIZES[element]
        else:
            self.numbers.append((self.at, SIZES[kind]))
            self.at += SIZES[kind]


_layouts = {}


def layout_of(content):
    """The layout of a sound file; each is found out once."""
    key = (len(content), hash(content))
    if key not in _layouts:
        _layouts[key] = Layout(content)
    return _layouts[key]


def _change_number(content, layout, chance):
    # Fields of lists outnumber all others: most changes are to go elsewhere.
    offset, size = chance.choice(layout.numbers[:400] + layout.numbers[-400:] if chance.random() < 0.8 else layout.numbers)
    old = int.from_bytes(content[offset:offset + size], "little")
    new = chance.choice([chance.choice(INTERESTING), old + 1, old - 1, old * 2, old // 2, old ^ (1 << chance.randrange(size * 8)), chance.getrandbits(size * 8)])
    content[offset:offset + size] = (new % (1 << (size * 8))).to_bytes(size, "little")


def _change_text(content, layout, chance):
    offset, length = chance.choice(layout.texts[:300] + layout.texts[-300:] if chance.random() < 0.8 else layout.texts)
    content[offset + chance.randrange(length)] = chance.choice(b"\x00\xff.0129azAZ_ \n")


def _change_byte(content, layout, chance):
    at = chance.randrange(layout.end) if chance.random() < 0.9 else chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(8)


def _swap(content, layout, chance):
    (a, size), (b, other) = chance.choice(layout.numbers[:400]), chance.choice(layout.numbers[:400])
    if size == other:
        content[a:a + size], content[b:b + size] = content[b:b + size], content[a:a + size]


def _cut(content, layout, chance):
    del content[chance.choice([chance.randrange(layout.end), chance.randrange(len(content))]):]


def mutated(content, seed):
    """A damaged copy, the same for the same seed."""
    chance = random.Random(seed)
    layout = layout_of(content)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        kind = chance.choices([_change_number, _change_text, _change_byte, _swap, _cut], [50, 15, 25, 7, 3])[0]
        if len(changed) != len(content):
            break
        kind(changed, layout, chance)
    return bytes(changed)
