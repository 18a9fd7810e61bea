"""Tokenizers of every type, made by the tokenizers library, and the comparison of ours with them: the same ids, token for token."""

import base64
import json
import subprocess
import struct
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from conftest import BINARY

TOOL = BINARY.parent / "tokenize_text"

TEXTS = [
    "Hello, world!", "", " ", "   leading and trailing   ", "The quick brown fox jumps over the lazy dog.", "don't can't we'll I'd they've 'S 'T",
    "Grüße aus Köln: Straße, Äpfel, ÖL, naïve café résumé Ångström", "ÀÉÎÕÜ àéîõü Ç ç Ñ ñ", "Привет, мир! Съешь же ещё этих мягких французских булок.",
    "Ελληνικά: Σίσυφος ΟΔΟΣ ΐ ΰ", "مرحبا بالعالم، كيف حالك؟", "שלום עולם", "नमस्ते दुनिया हिन्दी में क्षत्रिय", "ภาษาไทยไม่มีช่องว่าง", "こんにちは世界。東京は日本の首都です。",
    "你好，世界！中文分词测试", "한국어 텍스트 조합 각", "Tiếng Việt có dấu: ắ ằ ẳ ẵ ặ", "İstanbul ığüşöç DİYARBAKIR ß ẞ ŉ", "ﬁ ﬂ ﬀ ½ ² ③ Ⅷ ㎏ ㈱ ＡＢＣ１２３ ｶﾀｶﾅ",
    "emoji: 😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ☃️ 1️⃣", "e\u0301 a\u0308 o\u0302\u0323 \u1e9b\u0323 \u212b \u0344", "zero\u200bwidth\u200djoiner\u200cnon\ufeffbom\u00adsoft\u2060word",
    "tabs\tand\nlines\r\nand\x0bvertical\x0cform\x85next\u2028line\u2029para", "nbsp\u00a0ideographic\u3000space\u2003em\u1680ogham", "control\x01\x02\x7f\x80\x9f\ufffdend",
    "1234567890 3.14159 1,000,000 ١٢٣ १२३ 12ab34", "a-b_c+d=e*f/g\\h|i~j`k^l", "«quotes» “curly” ‘single’ „low“ —dash– …", "$100 €50 £20 ¥1000 © ® ™ § ¶ † ‡ • ° ±",
    "https://example.org/path?query=1&other=%20#fragment user@example.org", "CamelCase snake_case kebab-case SCREAMING_CASE x1y2z3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "[CLS] [SEP] [MASK] [PAD] [UNK] <s> </s> <unk> <pad> <mask>", "before[MASK]after  [MASK]  spaced", "x<mask>y <mask> z",
    "added newtoken anewtokenb NewToken new token", "▁metaspace▁already ▁ here", "\u0958 \u09dc \u0b5c \ufb1d \ufb2a", "𝒳 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎 𪚥 🄰", "\u202eright to left\u202c \u061c \u200e\u200f",
    "line one\n\nline two\n   indented\n", "    four spaces    between    words", "\n", "\t\t", "a", "é", "。", "word " * 60, "The the THE tHe", "Ⓐ ⓐ ª º ʰ ₂ ᴬ", "Dž ǅ ǆ Ǆ lj Ǉ", "\U000e0041tag\U000e007f \ufe0f \U000e0100",
]
CORPUS = TEXTS + [f"{left} {right}" for left in TEXTS[:34] for right in TEXTS[2:12]]


def every_character(first, last, width=24):
    """Every character that was in Unicode 3.2 and has kept its category since, between letters and spaces, in texts of some length.

    The tokenizers library looks younger ones up in tables of several ages.
    """
    vowel_separator = 0x180E  # was a space from Unicode 4.0 to 6.2
    points = [point for point in range(first, last) if point != vowel_separator and unicodedata.ucd_3_2_0.category(chr(point)) not in ("Cn", "Cs")
              and unicodedata.ucd_3_2_0.category(chr(point)) == unicodedata.category(chr(point))]
    return ["".join(f"a{chr(point)}b {chr(point)} " for point in points[at:at + width]) for at in range(0, len(points), width)]


def charsmap(mapping):
    """SentencePiece's precompiled map of these texts: a double array trie and the replacements behind it."""
    root, replacements, positions = {}, b"", {}
    for source, target in mapping.items():
        positions[source] = len(replacements)
        replacements += target.encode() + b"\0"
        node = root
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[0] = positions[source]
    units, taken = {0: 0}, {0}
    waiting = [(0, root)]
    while waiting:
        place, node = waiting.pop(0)
        base = 1
        while any(base ^ byte in taken for byte in node):
            base += 1
        taken.update(base ^ byte for byte in node)
        units[place] |= (place ^ base) << 10 | (0x100 if 0 in node else 0)
        for byte, child in node.items():
            units[base ^ byte] = child | 1 << 31 if byte == 0 else byte
            if byte:
                waiting.append((base ^ byte, child))
    size = max(units) + 256
    trie = b"".join(struct.pack("<I", units.get(place, 0)) for place in range(size))
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + replacements).decode()


CHARSMAP = charsmap({"ﬁ": "fi", "Ａ": "A", "㎏": "kg", "½": "1/2", "\t": " ", "\n": " ", "e\u0301": "é", "\u00a0": " ", "\u3000": " ", "İ": "i", "\u200b": " ", "\u0344": "\u0308\u0301", "…": "..."})
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCE_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def bert_template(tokenizer):
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    return processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])


def word_piece(normalizer, pre_tokenizer, prefix="##"):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=60))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=1200, special_tokens=SPECIALS, continuing_subword_prefix=prefix, show_progress=False))
    tokenizer.post_processor = bert_template(tokenizer)
    return tokenizer


def byte_level(pre_tokenizer, normalizer=None, post=None, ignore_merges=False, corpus=CORPUS):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=1500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>"], show_progress=False))
    tokenizer.post_processor = post or processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    return tokenizer


def byte_fallback_bpe(fuse=True, bytes_too=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse, byte_fallback=bytes_too))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokens = SENTENCE_SPECIALS + ([f"<0x{byte:02X}>" for byte in range(256)] if bytes_too else [])
    tokenizer.train_from_iterator(TEXTS[:12], trainers.BpeTrainer(vocab_size=900, special_tokens=tokens, show_progress=False))
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = written["added_tokens"][:5]
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
    return tokenizer


def plain_bpe():
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(TEXTS[:20], trainers.BpeTrainer(vocab_size=900, special_tokens=SPECIALS, end_of_word_suffix="</w>", show_progress=False))
    return tokenizer


def unigram(normalizer, pre_tokenizer, byte_fallback=False, corpus=TEXTS[:30]):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokens = SENTENCE_SPECIALS + ([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])
    tokenizer.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=700, unk_token="<unk>", special_tokens=tokens, show_progress=False))
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = [{**token, "lstrip": token["content"] == "<mask>"} for token in written["added_tokens"][:5]]
    written["model"]["byte_fallback"] = byte_fallback
    if isinstance(normalizer, normalizers.NFKC):
        written["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": CHARSMAP}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def with_added(tokenizer):
    tokenizer.add_tokens([AddedToken("newtoken", single_word=True), AddedToken("Spaced", lstrip=True, rstrip=True, normalized=False), AddedToken("KÖLN", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True, rstrip=True)])
    return tokenizer


GPT4 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""


def split(behavior, invert=False):
    return pre_tokenizers.Split(Regex(r"[aeiou ]"), behavior, invert)


KINDS = {
    "bert_uncased": lambda: word_piece(normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()),
    "bert_cased": lambda: word_piece(normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer()),
    "bert_accents": lambda: word_piece(normalizers.BertNormalizer(lowercase=True, strip_accents=False, handle_chinese_chars=False), pre_tokenizers.BertPreTokenizer()),
    "bert_unclean": lambda: with_added(word_piece(normalizers.BertNormalizer(clean_text=False), pre_tokenizers.BertPreTokenizer())),
    "strip_accents": lambda: word_piece(normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]), pre_tokenizers.Whitespace()),
    "nfkd": lambda: word_piece(normalizers.NFKD(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(False)])),
    "nfc": lambda: word_piece(normalizers.NFC(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(True)]), prefix="@@"),
    "removed": lambda: word_piece(normalizers.Strip(), split("removed")),
    "isolated": lambda: word_piece(normalizers.Strip(left=False), split("isolated")),
    "with_previous": lambda: word_piece(normalizers.Lowercase(), split("merged_with_previous")),
    "with_next": lambda: word_piece(normalizers.Lowercase(), split("merged_with_next")),
    "contiguous": lambda: word_piece(normalizers.Lowercase(), split("contiguous")),
    "inverted": lambda: word_piece(normalizers.Lowercase(), split("removed", True)),
    "delimiter": lambda: word_piece(normalizers.Nmt(), pre_tokenizers.CharDelimiterSplit("e")),
    "byte_level": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "byte_level_space": lambda: with_added(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True))),
    "gpt4": lambda: byte_level(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), normalizers.NFC(),
                               processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 0)])]), ignore_merges=True),
    "byte_fallback": byte_fallback_bpe,
    "unfused_unknown": lambda: byte_fallback_bpe(fuse=False, bytes_too=False),
    "fused_unknown": lambda: byte_fallback_bpe(fuse=True, bytes_too=False),
    "word_suffix": plain_bpe,
    "unigram": lambda: unigram(normalizers.NFKC(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])),
    "unigram_first": lambda: unigram(normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]), pre_tokenizers.Metaspace(prepend_scheme="first")),
    "unigram_unsplit": lambda: unigram(normalizers.NFC(), pre_tokenizers.Metaspace(prepend_scheme="never", split=False), byte_fallback=True),
}


def ours(path, questions):
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    run = subprocess.run([TOOL, path], input=lines, capture_output=True, text=True, timeout=300)
    answers = [json.loads(line) for line in run.stdout.split("\n") if line]
    assert run.returncode == 0, answers
    return answers


def check(tokenizer, path, texts, **options):
    """Saves the tokenizer to `path` and compares the ids of every text, alone and with its neighbour."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(path))
    questions = [{"text": text, **options} for text in texts]
    questions += [{"text": text, "pair": other, **options} for text, other in zip(texts, texts[1:])]
    tokenizer.encode_special_tokens = not options.get("parse", True)
    if "truncate" in options:
        tokenizer.enable_truncation(options["truncate"])
    special = options.get("special", True)
    found = []
    for question, got in zip(questions, ours(path, questions), strict=True):
        want = tokenizer.encode(question["text"], question.get("pair"), add_special_tokens=special)
        if got.get("ids") != want.ids:
            found.append(f"{question}\n  theirs: {want.ids} {want.tokens}\n  ours:   {got}")
        elif "pair" in question and 1 in want.type_ids and got["second"] != want.type_ids.index(1):
            found.append(f"{question}: type 1 from {want.type_ids.index(1)}, ours from {got['second']}")
    assert not found, f"{len(found)} of {len(questions)} differ:\n" + "\n".join(found[:20])
