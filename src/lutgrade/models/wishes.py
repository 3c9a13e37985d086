"""What a text asks of a grade, on the scales that looks are measured on: "softer highlights", "not too warm"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from lutgrade.models import grading_terms as terms

TOO_MUCH = 0.4  # what a wish granted far beyond its strength loses of the 1 that it is worth
DENIED = -0.5  # "not warm" is met by neutral and by cold, "less warm" is a plain wish for colder
BOUNDARIES = re.compile(r"[,;.:!?()]|\b(?:and|but|with|while|against|over)\b")
WORD = re.compile(r"[a-zà-ÿ0-9][a-zà-ÿ0-9'&-]*")
MEASURABLE = {*terms.QUALITIES, *terms.CASTS, "neutral"}  # concepts
TONED = {"tint", "tinted", "cast", "tone", "tones", "toned", "tinge", "wash", "filter"}
TURNING = {name: set(words.split()) for name, (words, _) in terms.MODIFIERS.items()}


@dataclass(frozen=True)
class Wish:
    """A change that is asked for.

    Args:
        measure: a key of `look_measures.measure`, or of a tone region for a cast.
        amount: sign and strength, 1 for a plain wish; 0 asks for no change.
        hue: of a cast, in Oklab degrees.
    """

    measure: str
    amount: float
    hue: float | None = None

    def agreement(self, measured: Mapping[str, float]) -> float:
        """How far a look's measures grant it: from -1, the opposite, over 0, no change, to 1."""
        value = self._value(measured)
        if self.amount == 0:
            return 1 - 2 * math.tanh(abs(value))
        ratio = value / self.amount
        # More than three times of what was asked is too much of it.
        return math.tanh(ratio) - TOO_MUCH * max(0.0, math.tanh((ratio - 3) / 3))

    def _value(self, measured: Mapping[str, float]) -> float:
        if self.hue is None:
            return measured[self.measure]
        angle = math.radians(self.hue)
        return measured[f"{self.measure}_a"] * math.cos(angle) + measured[f"{self.measure}_b"] * math.sin(angle)


def words_of(text: str) -> list[list[str]]:
    """The words of a text by clause, in lower case and British spelling, phrases of one meaning joined."""
    text = text.lower().replace("’", "'").replace("color", "colour").replace("gray", "grey")
    for phrase, word in terms.PHRASES.items():
        text = re.sub(rf"\b{re.escape(phrase)}\b", word, text)
    clauses = [WORD.findall(clause) for clause in BOUNDARIES.split(text)]
    return [clause for clause in clauses if clause]


def wishes(text: str) -> tuple[list[Wish], float]:
    """What a text asks for, and the share of its words that say so.

    A clause that names something without saying how ("more contrast and saturation") takes the how of the one before.
    """
    found: dict[tuple[str, float | None], float] = {}
    understood = content = 0
    turned: dict[str, float] = {}
    for clause in words_of(text):
        content += sum(word not in terms.STOP_WORDS for word in clause)
        targets = [word for word in clause if word in terms.TARGETS]
        turned = _turns(clause) or turned if targets else {}
        asked = list(_of_targets(clause, targets, turned) if targets else _of_qualities(clause))
        for wish in asked:
            key = (wish.measure, wish.hue)
            found[key] = found.get(key, 0.0) + wish.amount
        if asked:
            understood += sum(_is_grading(word) for word in clause)
    wished = [Wish(measure, max(-2.0, min(2.0, amount)), hue) for (measure, hue), amount in found.items()]
    return wished, min(1.0, understood / max(content, 1))


def concepts(word: str) -> tuple[str, ...]:
    """The concepts of the thesaurus that a word stands for, by its stem."""
    return _concepts().get(stem(word), ())


@cache
def stem(word: str) -> str:
    """A word without the endings of number, degree and tense; meant for comparing, not for reading."""
    word = word.removesuffix("'s")
    for ending in ("ness", "ies", "ing", "est", "ish", "ed", "es", "er", "ly", "s", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            return _trim(word.removesuffix(ending))
    return _trim(word)


def _trim(word: str) -> str:
    """Drops a doubled last consonant and a silent e, so that "fade" meets "faded" and "hotter" meets "hot"."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@cache
def _concepts() -> dict[str, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {}
    for concept, words in terms.THESAURUS.items():
        for word in words.split():
            known[stem(word)] = (*known.get(stem(word), ()), concept)
    return known


def _turns(clause: list[str]) -> dict[str, float]:
    """The modifiers in a clause, each with its sign and strength."""
    sign = -1.0 if any(word in terms.NEGATIONS for word in clause) else 1.0
    return {name: sign * _degree(clause) for name, words in TURNING.items() if any(word in words for word in clause)}


def _degree(clause: list[str]) -> float:
    if any(word in terms.SLIGHTLY for word in clause):
        return 0.5
    return 1.5 if any(word in terms.VERY for word in clause) else 1.0


def _of_targets(clause: list[str], targets: list[str], turned: Mapping[str, float]) -> Iterator[Wish]:
    """The wishes of a clause that names what is to change."""
    rest = [word for word in clause if word not in targets]
    hues = _hues(rest)
    neutral = any("neutral" in concepts(word) for word in clause)
    for target in targets:
        measures = terms.TARGETS[target]
        region = next((terms.REGION_OF[measure] for measure in measures if measure in terms.REGION_OF), None)
        if region is not None:
            yield from (Wish(region, _degree(clause), hue) for hue in hues)
        if neutral:
            yield from _no_cast()
        for name, strength in turned.items():
            yield from _turn(terms.MODIFIERS[name][1], measures, strength)
        if region is None:  # "warm colours" are meant of the whole picture
            yield from (wish for wish in _of_qualities(rest) if wish.measure == "temperature" and wish.amount)
        if not turned and target in ("contrast", "saturation") and not neutral:
            yield Wish(target, _degree(clause))


def _turn(ways: Mapping[str, float], measures: Mapping[str, float], strength: float) -> Iterator[Wish]:
    for measure, share in measures.items():
        way = ways.get(measure, ways.get("level" if measure in terms.LEVELS else "amount", 0.0))
        if way:
            yield Wish(measure, way * share * strength)
        if measure == "highlights" and "shoulder" in ways:
            yield Wish("shoulder", ways["shoulder"] * strength)


def _hues(words: list[str]) -> list[float]:
    """The hues that words name, in Oklab degrees; warm and cold where they name no colour."""
    named = {concept for word in words for concept in concepts(word) if concept in terms.CASTS}
    return sorted(terms.CASTS[concept] for concept in named - {"warm", "cold"} or named)


def _of_qualities(clause: list[str]) -> Iterator[Wish]:
    """The wishes of a clause of adjectives; "less" and "not" turn what follows them around."""
    sign = 1.0
    if any(word in TONED for word in clause):
        yield from (Wish("midtone", _degree(clause), hue) for hue in _hues(clause))
    for word in clause:
        if word in terms.NEGATIONS:
            sign = DENIED
        elif word in TURNING["less"]:
            sign = -1.0
        elif "neutral" in concepts(word) or (word == "cast" and sign < 0):
            yield from _no_cast()
        else:
            for concept in concepts(word):
                for measure, amount in terms.QUALITIES.get(concept, {}).items():
                    yield Wish(measure, sign * amount * _degree(clause))


def _no_cast() -> Iterator[Wish]:
    yield Wish("temperature", 0.0)
    yield Wish("tint", 0.0)


def _is_grading(word: str) -> bool:
    """Whether a word says what to change or how."""
    if word in terms.STOP_WORDS:
        return False
    turns = any(word in words for words in TURNING.values())
    return word in terms.TARGETS or word in TONED or turns or not MEASURABLE.isdisjoint(concepts(word))
