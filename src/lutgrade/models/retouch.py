"""Retouching by text: the looks of a library ranked by a prompt (VCG, user preference feedback)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut.looks import Look
from lutgrade.models.look_measures import measure
from lutgrade.models.text_embedding import LexicalText, TextEmbedding
from lutgrade.models.wishes import Wish, wishes

MEASURED = 0.65  # the weight of the measures where every word of the prompt asks for a change that can be measured
UNASKED = 0.5  # what a plain change that nobody asked for costs, beside 1 for a wish granted
COLOR_LOST = 0.5  # and what no colour at all costs where nobody asked for that
MONOCHROME, GREY_ASKED = -4.0, -1.5  # in `saturation`: of a look without colour, and of a wish for one
SIZE = 17  # nodes a side of the LUT files that are measured
PLAIN = ("exposure", "contrast", "temperature", "tint", "saturation")  # what should stay unless it is asked for


@dataclass(frozen=True)
class RankedLook:
    """A look and how well it fits a prompt.

    Args:
        look: from the library.
        score: standard deviations above the library's mean.
        similarity: cosine of the prompt's and the description's embedding.
        agreement: how far the look's own measures grant what the prompt asks, in [-1, 1]; None where it asks for
            nothing that can be measured.
    """

    look: Look
    score: float
    similarity: float
    agreement: float | None


class Retoucher:
    """Ranks looks by a prompt.

    The paper compares embeddings alone. They tell what a look is like, and hardly tell "less contrast" from "more":
    so what a prompt asks for is held against what each look measurably does, too.

    Args:
        library: looks by name.
        embedding: of texts; by default the lexical one, which needs no weights.
        measured: the weight of the measures, 0 for the paper's own ranking.

    Raises:
        InputError: an empty library, or a look whose file cannot be read.
    """

    def __init__(
        self, library: Mapping[str, Look], embedding: TextEmbedding | None = None, *, measured: float = MEASURED
    ) -> None:
        if not library:
            raise InputError("there are no looks to choose from")
        self.looks = list(library.values())
        texts = [text_of(look) for look in self.looks]
        self.embedding = embedding or LexicalText(texts)
        self._descriptions = self.embedding(texts)  # [K, D]
        self._measures = [measure(look if look.file is None else look.lut(SIZE)) for look in self.looks]
        self.measured = measured

    def rank(self, prompt: str) -> list[RankedLook]:
        """All looks, the best first; of equal ones in the library's order.

        Raises:
            InputError: an empty prompt, or one of which not a word is understood.
        """
        if not prompt.strip():
            raise InputError("the prompt is empty; say what the picture should look like, such as 'warmer, softer'")
        similarity = self._descriptions @ self.embedding([prompt])[0]  # [K]
        asked, share = wishes(prompt)
        if not asked and not bool(similarity.any()):
            raise InputError(self._not_understood(prompt))
        agreement = torch.tensor([_agreement(asked, measures) for measures in self._measures])
        weight = self.measured * share**2 if asked else 0.0  # the other words need the descriptions
        score = (1 - weight) * _standardised(similarity) + weight * _standardised(agreement)
        order = torch.argsort(score, descending=True, stable=True).tolist()
        return [
            RankedLook(self.looks[i], float(score[i]), float(similarity[i]), float(agreement[i]) if asked else None)
            for i in order
        ]

    def _not_understood(self, prompt: str) -> str:
        meant = [word for word in self.embedding.unknown(prompt).values() if word]
        advice = f"did you mean {' '.join(meant)}?" if meant else "describe light, colour, mood or use, in English"
        return f"no word of the prompt '{shorten(prompt, 60)}' is known; {advice}"


def text_of(look: Look) -> str:
    """What is embedded of a look: its name, description and tags."""
    tags = ", ".join(tag.replace("_", " ") for tag in look.tags)
    return f"{look.name.replace('_', ' ')}. {look.description} {tags}".strip()


def _agreement(asked: Sequence[Wish], measures: Mapping[str, float]) -> float:
    """How far the wishes are granted, on average and at worst, less what changes unasked; in [-1, 1]."""
    if not asked:
        return 0.0
    each = [wish.agreement(measures) for wish in asked]
    granted = (sum(each) / len(each) + min(each)) / 2  # of several wishes none should be left out
    named = {wish.measure for wish in asked}
    unasked = [min(1.0, abs(measures[name]) / 3) for name in PLAIN if name not in named]
    cost = UNASKED * sum(unasked) / len(unasked) if unasked else 0.0
    wanted = sum(wish.amount for wish in asked if wish.measure == "saturation")
    if measures["saturation"] < MONOCHROME and wanted > GREY_ASKED:
        cost += COLOR_LOST
    return max(-1.0, granted - cost)


def _standardised(values: Tensor) -> Tensor:
    """`[K]` in standard deviations about the mean; all 0 where they are alike."""
    deviation = values.std(correction=0)
    return (values - values.mean()) / deviation if deviation > 1e-6 else torch.zeros_like(values)
