"""Texts as vectors: CLIP's text half, and a lexical embedding that stands in where CLIP's weights are absent."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from lutgrade.models import grading_terms as terms
from lutgrade.models.pretrained import load_transformers, local_folder
from lutgrade.models.prompt_words import concepts, has_content, signs, stem, vocabulary, words_of
from lutgrade.models.wishes import wishes
from lutgrade.weights import MissingWeights

CONCEPT, WISH = 0.7, 0.6  # weights beside 1 for a word itself
ALIKE = 0.7  # of two spellings, by difflib's ratio
VOCABULARIES = ("tokenizer.json", "vocab.json")  # one of them is in the folder of a CLIP


class TextEmbedding(Protocol):
    """Unit rows `[K, D]` of texts; `name` says what made them."""

    name: str

    def __call__(self, texts: Sequence[str]) -> Tensor: ...

    def unknown(self, text: str) -> dict[str, str]:
        """The words of a text that say nothing here, each with the known word that is spelt most like it, or ""."""
        ...


class ClipText:
    """The pooler output of CLIP's text half (Radford et al., 2021), which the released VCG compares.

    Texts are cut to the 77 tokens that CLIP reads, some 50 words.

    Args:
        source: a folder, or a repository on the Hugging Face Hub that was downloaded before.
        device: where the network runs.

    Raises:
        MissingWeights: they, or the tokenizer's files, are not on this machine.
        InputError: the folder holds another network.
    """

    def __init__(self, source: str | Path = "openai/clip-vit-base-patch32", *, device: str = "cpu") -> None:
        self.network = load_transformers("CLIPTextModel", source).to(device)
        from transformers import AutoTokenizer

        folder = local_folder(source)
        if not any((folder / name).is_file() for name in VOCABULARIES):  # transformers would make one without words
            raise MissingWeights(f"{folder} does not hold the tokenizer of {source}; download it anew")
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.name = f"CLIP text ({source})"

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        device = next(self.network.parameters()).device
        pooled = self.network(**tokens.to(device)).pooler_output
        return normalize(pooled.float().cpu(), dim=1)

    def unknown(self, text: str) -> dict[str, str]:
        return {}  # CLIP spells words that it has not seen


class LexicalText:
    """Words, their concepts and their wishes, weighted by how rare each is among the descriptions.

    A term counts less the more descriptions hold it (tf-idf); what a text denies ("no blue", "less contrast") counts
    against it.

    Args:
        documents: the descriptions that prompts are compared with.
    """

    name = "words (a lexical embedding stands in for CLIP's text half)"

    def __init__(self, documents: Sequence[str]) -> None:
        held = Counter(term for document in documents for term in _terms(document))
        self._column = {term: column for column, term in enumerate(sorted(held))}
        described = {word for document in documents for word in chain(*words_of(document)) if has_content(word)}
        self._words = sorted(vocabulary() | described)
        count = len(documents)
        self._weight = torch.tensor([math.log((1 + count) / (1 + held[term])) + 0.2 for term in self._column])

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit rows `[K, D]`; a text of which no word is known is all zero."""
        rows = torch.zeros(len(texts), len(self._column))
        for row, text in zip(rows, texts, strict=True):
            for term, amount in _terms(text).items():
                if term in self._column:
                    row[self._column[term]] = math.copysign(math.log1p(abs(amount)), amount)
        return normalize(rows * self._weight, dim=1)

    def unknown(self, text: str) -> dict[str, str]:
        known = {stem(word) for word in self._words}
        words = [word for word in chain(*words_of(text)) if has_content(word) and stem(word) not in known]
        return {word: self._alike(word) for word in words}

    def _alike(self, word: str) -> str:
        candidates = [known for known in self._words if known[0] == word[0]]  # who mistypes seldom begins with it
        return next(iter(get_close_matches(word, candidates, 1, ALIKE)), "")


def _terms(text: str) -> dict[str, float]:
    """The terms of a text, signed: stems, `#concepts`, and `=wishes`."""
    found: dict[str, float] = defaultdict(float)
    for clause in words_of(text):
        for word, sign in zip(clause, signs(clause), strict=True):
            if not has_content(word) or word in terms.MODIFIERS["less"].words:
                continue
            found[stem(word)] += math.copysign(1, sign)
            for concept in concepts(word):
                found[f"#{concept}"] += math.copysign(CONCEPT, sign)
    for wish in wishes(text)[0]:
        name = wish.measure if wish.hue is None else f"{wish.measure} {wish.hue:.0f}"
        found[f"={name}"] += WISH * (wish.amount or 0.5)
    return {term: amount for term, amount in found.items() if amount}
