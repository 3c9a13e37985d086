"""A prompt as words: clauses, stems, the concepts of the thesaurus, and what a word before turns around."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache

from lutgrade.models import grading_terms as terms
from lutgrade.models.thesaurus import PHRASES, THESAURUS

DENIED = -0.5  # "not warm" is met by neutral and by cold, "less warm" is a plain wish for colder
REACH = 3  # words after a "no" or a "less" that it turns around, those without a meaning of their own not counted
BOUNDARIES = re.compile(r"[,;.:!?()\n]|\b(?:and|but|with|while|against|over)\b")
WORD = re.compile(r"[a-zà-ÿ0-9][a-zà-ÿ0-9'&-]*")
HYPHENATED = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
ENDINGS = ("ness", "ies", "ing", "est", "ish", "ed", "es", "er", "ly", "s", "y")


def words_of(text: str) -> list[list[str]]:
    """The words of a text by clause, in lower case and British spelling, phrases of one meaning joined."""
    text = text.lower().replace("’", "'").replace("color", "colour").replace("gray", "grey")
    text = HYPHENATED.sub(lambda found: found[0] if found[0] in _compounds() else found[0].replace("-", " "), text)
    for phrase in sorted(PHRASES, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(phrase)}\b", PHRASES[phrase], text)
    clauses = [WORD.findall(clause) for clause in BOUNDARIES.split(text)]
    return [clause for clause in clauses if clause]


def concepts(word: str) -> tuple[str, ...]:
    """The concepts of the thesaurus that a word stands for, by its stem."""
    return _concepts().get(stem(word), ())


@cache
def stem(word: str) -> str:
    """A word without the endings of number, degree and tense; meant for comparing, not for reading."""
    word = word.removesuffix("'s")
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            return _trim(word.removesuffix(ending))
    return _trim(word)


def denies(word: str) -> bool:
    """Whether a word says that what follows is not meant: "no", "isn't"."""
    return word in terms.NEGATIONS or word.endswith("n't")


def has_content(word: str) -> bool:
    """Whether a word says something of a look by itself: no stop word and no negation."""
    return word not in terms.STOP_WORDS and not denies(word)


def signs(clause: Sequence[str], lessening: Collection[str] = terms.MODIFIERS["less"].words) -> list[float]:
    """For each word of a clause what the words before make of it: 1, -1 after a "less", `DENIED` after a "no".

    "More" ends what a "less" turns around; "too" is a complaint, which asks for less.
    """
    found, sign, left = [], 1.0, 0
    for word in clause:
        if word in terms.ADDING and sign == -1.0:
            left = 0
        found.append(sign if left > 0 else 1.0)
        if denies(word):
            sign, left = DENIED, REACH
        elif word in lessening or word == "too":
            sign, left = (sign if left > 0 else -1.0), REACH
        elif has_content(word):
            left -= 1
    return found


def _trim(word: str) -> str:
    """Drops a doubled last consonant and a silent e, so that "fade" meets "faded" and "hotter" meets "hot"."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@cache
def vocabulary() -> frozenset[str]:
    """Every word with a meaning here: of the thesaurus, what can change, and which way."""
    modifiers = (word for modifier in terms.MODIFIERS.values() for word in modifier.words)
    meant = (word for words in (*PHRASES.values(), *THESAURUS.values()) for word in words.split())
    return frozenset([*meant, *terms.TARGETS, *modifiers])


@cache
def _concepts() -> dict[str, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {}
    for concept, words in THESAURUS.items():
        for word in words.split():
            known[stem(word)] = (*known.get(stem(word), ()), concept)
    return known


@cache
def _compounds() -> frozenset[str]:
    """The words with a hyphen that mean something as they are."""
    return frozenset(word for word in vocabulary() if "-" in word)
