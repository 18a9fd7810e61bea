"""The training text: the King James Version of 1611, as the Debian packages bible-kjv and bible-kjv-text hold it."""

import collections
import dataclasses
import functools
import re
import subprocess

VERSES = 31_102
LINE = re.compile(r"^(?P<book>\d?[A-Za-z]+)(?P<chapter>\d+):(?P<number>\d+) (?P<text>.+)$")


@dataclasses.dataclass(frozen=True)
class Verse:
    """One verse; `book` is the abbreviation that the package uses (Ge, 1Sm, Psa, Rev)."""

    book: str
    chapter: int
    number: int
    text: str


@functools.cache
def verses():
    """All verses in their order."""
    printed = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], check=True, capture_output=True, text=True).stdout
    lines = [LINE.match(line) for line in printed.splitlines()]
    found = [Verse(m["book"], int(m["chapter"]), int(m["number"]), m["text"].strip()) for m in lines if m]
    if len(found) != VERSES or len(lines) != VERSES:
        raise ValueError(f"the bible program printed {len(lines)} lines with {len(found)} verses instead of {VERSES}")
    return found


@functools.cache
def chapters():
    """The verses of each chapter, in their order."""
    grouped = collections.defaultdict(list)
    for verse in verses():
        grouped[verse.book, verse.chapter].append(verse)
    return list(grouped.values())


def words(text):
    """The words of a text, as written."""
    return re.findall(r"[A-Za-z]+", text)


@functools.cache
def telling_words():
    """Lower-case words that say what a verse is about: neither everywhere nor almost nowhere, and not too short."""
    counts = collections.Counter(word.lower() for verse in verses() for word in set(words(verse.text)))
    return frozenset(word for word, count in counts.items() if 8 <= count <= 900 and len(word) >= 4)
