"""What a text asks of a grade, on the scales that looks are measured on: "softer highlights", "not too warm"."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from lutgrade.models import grading_terms as terms
from lutgrade.models.prompt_words import concepts, has_content, signs, words_of

TOO_MUCH = 0.4  # what a wish granted far beyond its strength loses of the 1 that it is worth
MEASURABLE = {*terms.QUALITIES, *terms.CASTS, "neutral"}  # concepts
TONED = {"tint", "tinted", "cast", "tone", "tones", "toned", "tinge", "wash", "filter"}
EMPHASIS = terms.ADDING | terms.COMPARATIVES | terms.SLIGHTLY | terms.VERY  # "more red" asks for a cast, "red" need not
NAMED_ALONE = {"contrast", "saturation", "vibrance", "warmth"}  # are asked for by being named
TEMPERATE = {"warm", "cold"}  # concepts
AXES = (0.0, 90.0)  # hues: a cast in neither is none
PLACING = {"in", "into", "to"}  # "teal in the shadows"

Signed = Sequence[tuple[str, float]]
"""Words, each with what those before it make of it (`prompt_words.signs`)."""


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


@dataclass(frozen=True)
class _Part:
    """The words about one thing that is to change.

    Args:
        target: a name in `terms.TARGETS` with its sign; None where only a colour is placed in a region.
        words: those beside it.
        region: where the change is to be: "teal in the shadows".
    """

    target: tuple[str, float] | None
    words: Signed
    region: str | None


def wishes(text: str) -> tuple[list[Wish], float]:
    """What a text asks for, and the share of its words that say so, in [0, 1].

    A clause that names something without saying how ("more contrast and saturation") takes the how of the one before.
    """
    found: dict[tuple[str, float | None], float] = {}
    understood = content = 0
    turned: Mapping[str, float] = {}
    for clause in words_of(text):
        content += sum(map(has_content, clause))
        asked, turned = _read(clause, turned)
        for wish in asked:
            key = (wish.measure, wish.hue)
            found[key] = found.get(key, 0.0) + wish.amount
        if asked:
            understood += sum(_is_grading(word) for word in clause)
    wished = [Wish(measure, max(-2.0, min(2.0, amount)), hue) for (measure, hue), amount in found.items()]
    return wished, min(1.0, understood / max(content, 1))


def _read(clause: list[str], turned: Mapping[str, float]) -> tuple[list[Wish], Mapping[str, float]]:
    """The wishes of a clause, and its modifiers for the next; `turned` are those of the one before."""
    parts = _parts(list(zip(clause, signs(clause, terms.LESSENING), strict=True)))
    if not parts:
        return list(_of_qualities(clause)), {}
    asked = list(_of_adjectives(clause, {"monochrome"}))
    for part in parts:
        own = _turns(part.words)
        if own or any(word not in terms.STOP_WORDS or word in terms.KEEPING for word, _ in part.words):
            turned = own
        asked += (_there(wish, part.region) for wish in _of_part(part, turned))
    return asked, turned


def _there(wish: Wish, region: str | None) -> Wish:
    """Warmth that is placed in a tone region is a cast there."""
    if region is None or wish.measure != "temperature":
        return wish
    return Wish(region, wish.amount, terms.CASTS["warm"])


def _parts(clause: Signed) -> list[_Part]:
    """A clause by what it names; words belong to the name they stand before, or after where a name comes first."""
    clause, region = _placed(clause)
    at = [i for i, (word, _) in enumerate(clause) if word in terms.TARGETS]
    if not at:
        return [] if region is None else [_Part(None, clause, region)]
    before = clause[: at[0]]
    leads = not (_turns(before) or _hues(before))
    bounds = [0, *(at[1:] if leads else (i + 1 for i in at[:-1])), len(clause)]
    return [
        _Part(clause[i], [*clause[low:i], *clause[i + 1 : high]], region)
        for i, low, high in zip(at, bounds, bounds[1:], strict=False)
    ]


def _placed(clause: Signed) -> tuple[Signed, str | None]:
    """A clause without its "in the shadows", and that region, where something else is named that is to be there."""
    for i, (word, _) in enumerate(clause):
        if word not in PLACING:
            continue
        end = i + 1 + len(list(takewhile(lambda pair: pair[0] in terms.STOP_WORDS, clause[i + 1 :])))
        region = _region_of(clause[end][0]) if end < len(clause) else None
        rest = [*clause[:i], *clause[end + 1 :]]
        if region is not None and (_hues(rest) or any(other in terms.TARGETS for other, _ in rest)):
            return rest, region
    return clause, None


def _region_of(target: str) -> str | None:
    return next((terms.REGION_OF[name] for name in terms.TARGETS.get(target, ()) if name in terms.REGION_OF), None)


def _turns(words: Signed) -> dict[str, float]:
    """The modifiers among some words, each with its sign and strength; "less saturated" is one turned around."""
    degree = _degree([word for word, _ in words])
    found = {}
    for i, (word, sign) in enumerate(words):
        name = next((name for name, modifier in terms.MODIFIERS.items() if word in modifier.words), None)
        if name is not None and not (word in terms.ADDING | terms.LESSENING and _can_be_weighed(words[i + 1 :])):
            found[name] = math.copysign(degree, sign)
    return found


def _can_be_weighed(words: Signed) -> bool:
    """Whether a "more" or "less" before these words is about one of them: another modifier, or a hue."""
    turns = any(word in modifier.words for word, _ in words for modifier in terms.MODIFIERS.values())
    return turns or bool(_hues(words))


def _degree(words: Sequence[str]) -> float:
    if any(word in terms.SLIGHTLY for word in words):
        return 0.5
    return 1.5 if any(word in terms.VERY for word in words) else 1.0


def _of_part(part: _Part, turned: Mapping[str, float]) -> Iterator[Wish]:
    """The wishes about one thing, which `turned` turn."""
    words = [word for word, _ in part.words]
    hues, degree = _hues(part.words), _degree(words)
    target, sign = part.target or ("", 1.0)
    measures, own_region = terms.TARGETS.get(target, {}), _region_of(target)
    region = own_region or part.region
    if region is not None:
        yield from (Wish(region, hue_sign * degree, hue) for hue, hue_sign in hues.items())
    else:
        yield from _of_adjectives(words, TEMPERATE)  # "warm colours" are meant of the whole picture
    neutral = any("neutral" in concepts(word) for word in words)
    if neutral:
        yield from _no_cast() if own_region is None else (Wish(own_region, 0.0, hue) for hue in AXES)
    if turned:
        for name, strength in turned.items():
            yield from _turn(terms.MODIFIERS[name].ways, measures, strength)
    elif any(word in terms.KEEPING for word in words):
        yield from (Wish(measure, 0.0) for measure in measures)
    elif (target in NAMED_ALONE and not neutral) or (sign < 0 and not terms.LEVELS & measures.keys()):
        yield from (Wish(measure, math.copysign(degree, sign)) for measure in measures)


def _turn(ways: Mapping[str, float], measures: Mapping[str, float], strength: float) -> Iterator[Wish]:
    for measure, share in measures.items():
        way = ways.get(measure, ways.get("level" if measure in terms.LEVELS else "amount", 0.0))
        if way:
            yield Wish(measure, way * share * strength)
        if measure == "highlights" and "shoulder" in ways:
            yield Wish("shoulder", ways["shoulder"] * strength)


def _hues(words: Signed) -> dict[float, float]:
    """The hues that words name, in Oklab degrees, and their signs; warm and cold where they name no colour."""
    named = {concept: sign for word, sign in words for concept in concepts(word) if concept in terms.CASTS}
    colors = {concept: sign for concept, sign in named.items() if concept not in TEMPERATE} or named
    return {terms.CASTS[concept]: sign for concept, sign in sorted(colors.items(), key=lambda c: terms.CASTS[c[0]])}


def _of_qualities(clause: Sequence[str]) -> Iterator[Wish]:
    """The wishes of a clause of adjectives; "less" and "not" turn what follows them around."""
    signed = list(zip(clause, signs(clause), strict=True))
    degree, toned = _degree(clause), any(word in TONED for word in clause)
    emphatic = toned or any(word in EMPHASIS for word in clause)
    # Without a "tint" or "cast" words such as "golden" and "bluish" are of temperature, which is read below.
    colors = signed if toned else [(word, sign) for word, sign in signed if not TEMPERATE & {*concepts(word)}]
    hues = _hues(colors)
    yield from (Wish("midtone", sign * degree, hue) for hue, sign in hues.items() if emphatic or sign < 0)
    if any("neutral" in concepts(word) or (word == "cast" and sign < 0 and not hues) for word, sign in signed):
        yield from _no_cast()
    yield from _of_adjectives(clause, terms.QUALITIES)


def _of_adjectives(clause: Sequence[str], allowed: Collection[str]) -> Iterator[Wish]:
    """What the words of some concepts ask for by themselves."""
    degree = _degree(clause)
    for word, sign in zip(clause, signs(clause), strict=True):
        for concept in concepts(word):
            if concept in allowed:
                for measure, amount in terms.QUALITIES[concept].items():
                    yield Wish(measure, sign * amount * degree)


def _no_cast() -> Iterator[Wish]:
    yield Wish("temperature", 0.0)
    yield Wish("tint", 0.0)


def _is_grading(word: str) -> bool:
    """Whether a word says what to change or how."""
    if not has_content(word):
        return False
    turns = any(word in modifier.words for modifier in terms.MODIFIERS.values())
    return word in terms.TARGETS or word in TONED or turns or not MEASURABLE.isdisjoint(concepts(word))
