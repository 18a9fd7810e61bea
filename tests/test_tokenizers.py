"""Our tokenizers of tokenizer.json files against the tokenizers library: the same ids on multilingual text."""

import json
import subprocess

import pytest
from tokenizers import Tokenizer

from conftest import REFERENCE
from tokenizer_reference import KINDS, TEXTS, TOOL, check, every_character

MADE = {}


def made(kind):
    return Tokenizer.from_str(MADE.setdefault(kind, KINDS[kind]().to_str()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_tokens_as_the_tokenizers_library(kind, tmp_path):
    check(made(kind), tmp_path / "tokenizer.json", TEXTS)


@pytest.mark.parametrize("kind", ["bert_uncased", "byte_level_space", "unigram", "byte_fallback"])
def test_special_tokens_in_a_text_stay_text_unless_asked(kind, tmp_path):
    check(made(kind), tmp_path / "tokenizer.json", TEXTS, parse=False)


# Both texts of a pair are cut to half the room, which is even here: where it is not, the library gives the odd token to whichever text
# it stopped reading later.
@pytest.mark.parametrize("kind, tokens", [("bert_uncased", 9), ("bert_uncased", 65), ("byte_level", 8), ("byte_level", 64), ("unigram", 8), ("unigram", 64)])
def test_truncation_cuts_the_same_tokens(kind, tokens, tmp_path):
    check(made(kind), tmp_path / "tokenizer.json", TEXTS, truncate=tokens)


def test_special_tokens_are_added_only_when_asked(tmp_path):
    check(made("byte_level"), tmp_path / "tokenizer.json", [text for text in TEXTS if text], special=True)


@pytest.mark.parametrize("kind", ["bert_uncased", "strip_accents", "nfkd", "gpt4", "unigram_first"])
def test_every_character_of_the_first_planes(kind, tmp_path):
    check(made(kind), tmp_path / "tokenizer.json", every_character(1, 0x3000) + every_character(0xF900, 0x11000) + every_character(0x1F000, 0x20000))


@pytest.mark.parametrize("change, error", [
    ({"normalizer": {"type": "Shout"}}, ("tokenizer_unsupported", "Shout")),
    ({"pre_tokenizer": {"type": "UnicodeScripts"}}, ("tokenizer_unsupported", "UnicodeScripts")),
    ({"post_processor": {"type": "Wrap"}}, ("tokenizer_unsupported", "Wrap")),
    ({"model": {"type": "Transducer", "vocab": {}}}, ("tokenizer_unsupported", "Transducer")),
    ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}, ("tokenizer_invalid", "merge 0")),
    ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}}, ("tokenizer_unsupported", "dropout")),
    ({"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "?"}}, ("tokenizer_invalid", "?")),
    ({"model": {"type": "WordPiece", "vocab": {"a": -1}, "unk_token": "a"}}, ("tokenizer_invalid", "-1")),
    ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}}, ("tokenizer_invalid", "regular expression")),
])
def test_what_is_not_supported_is_refused_by_name(change, error, tmp_path):
    file = json.loads(made("bert_uncased").to_str())
    file.update(change)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(file))
    run = subprocess.run([TOOL, path], input="", capture_output=True, text=True)
    answer = json.loads(run.stdout)
    assert run.returncode == 65 and answer["error"] == error[0] and error[1] in answer["message"], answer


if REFERENCE:

    @pytest.mark.parametrize("path", sorted(REFERENCE.glob("**/*tokenizer.json")), ids=lambda path: path.parent.name)
    def test_real_tokenizers_give_the_same_tokens(path, tmp_path):
        check(Tokenizer.from_file(str(path)), tmp_path / "tokenizer.json", TEXTS)
