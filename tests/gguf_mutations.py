"""Damaged GGUF files, made from sound ones: reproducible by their number.

    mutated(content, seed) -> bytes

Most changes know the layout: they hit values, types, shapes and texts, or make the file one of another architecture or tokenizer. The rest
hits any byte."""

import random
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
INTERESTING = [0, 1, 2, 3, 5, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 511, 512, 513, 1000, 4096, 65535, 65536, 1 << 24,
               (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1]
ARCHITECTURES = ["llama", "falcon", "gpt2", "gptj", "gptneox", "mpt", "baichuan", "starcoder", "refact", "bert", "nomic-bert", "bloom", "stablelm", "qwen",
                 "qwen2", "qwen2moe", "qwen3", "qwen3moe", "phi2", "phi3", "plamo", "codeshell", "orion", "internlm2", "minicpm", "gemma", "gemma2",
                 "gemma3", "starcoder2", "mamba", "command-r", "dbrx", "olmo", "olmoe", "openelm", "arctic", "deepseek2", "chatglm", "bitnet", "t5",
                 "t5encoder", "jais", "nemotron", "exaone", "rwkv6", "rwkv7", "granite", "granitemoe", "chameleon", "wavtokenizer-dec", "plm",
                 "bailingmoe", "dots1", "arcee", "ernie4_5", "hunyuan-moe", "smollm3", "lfm2", "dream", "llada", "llada-moe", "grovemoe", "cogvlm"]
TOKENIZERS = ["llama", "gpt2", "bert", "t5", "rwkv", "plamo2", "none", "no_vocab", "unknown"]
KEYS = ["attention.causal", "attention.sliding_window", "attention.key_length", "attention.value_length", "expert_count", "expert_used_count",
        "pooling_type", "rope.scaling.type", "rope.dimension_count", "attention.layer_norm_epsilon", "vocab_size", "ssm.state_size",
        "wkv.head_size", "attention.max_alibi_bias", "logit_scale", "leading_dense_block_count", "attention.q_lora_rank", "classifier.output_labels"]


class Layout:
    """Where the fields of a GGUF header lie: (offset, bytes) of values, of lengths and counts, and of texts."""

    def __init__(self, content):
        self.content = content
        self.values, self.lengths, self.texts = [], [(8, 8), (16, 8)], []
        self.at = 24
        tensors, entries = struct.unpack_from("<QQ", content, 8)
        self.entries = []  # key, and the bytes of type and value
        for _ in range(entries):
            key = self._text()
            start = self.at
            self.lengths.append((self.at, 4))
            self._value(self._take("<I"))
            self.entries.append((key, content[start:self.at]))
        self.entries_end = self.at
        for _ in range(tensors):
            self._text()
            rank = self._number(self.lengths, "<I", 4)
            for _ in range(rank):
                self._number(self.values, "<Q", 8)
            self._number(self.values, "<I", 4)
            self._number(self.values, "<Q", 8)
        self.end = self.at

    def _take(self, form):
        value, = struct.unpack_from(form, self.content, self.at)
        self.at += struct.calcsize(form)
        return value

    def _number(self, kind, form, size):
        kind.append((self.at, size))
        return self._take(form)

    def _text(self):
        length = self._number(self.lengths, "<Q", 8)
        if length:
            self.texts.append((self.at, length))
        self.at += length
        return self.content[self.at - length:self.at]

    def _value(self, kind):
        if kind == 8:
            self._text()
        elif kind == 9:
            element = self._number(self.lengths, "<I", 4)
            count = self._number(self.lengths, "<Q", 8)
            if element in (8, 9):
                for _ in range(count):
                    self._value(element)
            else:
                if count:
                    self.values.append((self.at, SIZES[element]))
                self.at += count * SIZES[element]
        else:
            self.values.append((self.at, SIZES[kind]))
            self.at += SIZES[kind]


_layouts = {}


def layout_of(content):
    """The layout of a sound file; each is found out once."""
    key = (len(content), hash(content))
    if key not in _layouts:
        _layouts[key] = Layout(content)
    return _layouts[key]


def _change_number(content, places, chance):
    offset, size = chance.choice(places)
    old = int.from_bytes(content[offset:offset + size], "little")
    new = chance.choice([chance.choice(INTERESTING), chance.choice(INTERESTING), old + 1, old - 1, old * 2, old // 2,
                         old ^ (1 << chance.randrange(size * 8)), chance.getrandbits(size * 8)])
    content[offset:offset + size] = (new % (1 << (size * 8))).to_bytes(size, "little")


def _change_value(content, layout, chance):
    _change_number(content, layout.values, chance)


def _change_length(content, layout, chance):
    # Those of a vocabulary outnumber all others.
    _change_number(content, layout.lengths[:200] + layout.lengths[-200:], chance)


def _change_text(content, layout, chance):
    offset, length = chance.choice(layout.texts[:200] + layout.texts[-100:] if chance.random() < 0.7 else layout.texts)
    content[offset + chance.randrange(length)] = chance.choice(b"\x00\xff.0129azAZ_ \n")


def _change_byte(content, layout, chance):
    content[chance.randrange(layout.end) if chance.random() < 0.8 else chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _swap(content, layout, chance):
    (a, size), (b, other) = chance.choice(layout.values), chance.choice(layout.values)
    if size == other:
        content[a:a + size], content[b:b + size] = content[b:b + size], content[a:a + size]


def _cut(content, layout, chance):
    del content[chance.choice([chance.randrange(layout.end), chance.randrange(len(content))]):]


def _text_bytes(text):
    return struct.pack("<Q", len(text)) + text


def _another_kind(content, chance):
    """The file as one of another architecture or tokenizer, with one more hyperparameter: every length and offset stays right."""
    layout = layout_of(content)
    values = dict(layout.entries)
    own = values[b"general.architecture"][12:]
    new = chance.choice(ARCHITECTURES).encode() if chance.random() < 0.7 else own
    entries = {(new + key[len(own):] if key.startswith(own + b".") else key): value for key, value in layout.entries}
    entries[b"general.architecture"] = struct.pack("<I", 8) + _text_bytes(new)
    if chance.random() < 0.4:
        entries[b"tokenizer.ggml.model"] = struct.pack("<I", 8) + _text_bytes(chance.choice(TOKENIZERS).encode())
    if chance.random() < 0.5:
        kind, form = chance.choice([(4, "<I"), (7, "<?"), (6, "<f")])
        value = chance.choice(INTERESTING[:-4])
        entries[new + b"." + chance.choice(KEYS).encode()] = struct.pack("<I", kind) + struct.pack(form, bool(value) if kind == 7 else value)
    head = content[:16] + struct.pack("<Q", len(entries)) + b"".join(_text_bytes(key) + value for key, value in entries.items())
    head += content[layout.entries_end:layout.end]
    return head + bytes(-len(head) % 32) + content[-(-layout.end // 32) * 32:]


def mutated(content, seed):
    """A damaged copy, the same for the same seed."""
    chance = random.Random(seed)
    if chance.random() < 0.35:
        content = _another_kind(content, chance)
        if chance.random() < 0.6:
            return content
        layout = Layout(content)
    else:
        layout = layout_of(content)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        kind = chance.choices([_change_value, _change_length, _change_text, _change_byte, _swap, _cut], [60, 6, 12, 14, 6, 2])[0]
        if len(changed) != len(content):
            break
        kind(changed, layout, chance)
    return bytes(changed)
