"""Texts as vectors: CLIP's on tiny weights, and the lexical stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lutgrade.models.text_embedding import ClipText, LexicalText
from lutgrade.weights import MissingWeights
from models.tiny_networks import save_clip

DOCUMENTS = [
    "A warm, golden picture with soft contrast, for sunsets.",
    "Cold blue moonlight, high contrast, no warm colour at all.",
    "Black and white, hard light, for detectives.",
    "Faded green walls, low contrast.",
]


def ranking(prompt: str) -> list[int]:
    """The documents from the most similar to the least."""
    embedding = LexicalText(DOCUMENTS)
    return torch.argsort(embedding(DOCUMENTS) @ embedding([prompt])[0], descending=True, stable=True).tolist()


def test_clip_text_is_the_pooler_output_of_transformers(tmp_path: Path) -> None:
    from transformers import CLIPModel, CLIPTokenizer

    folder = save_clip(tmp_path / "clip")
    embedding = ClipText(folder)
    texts = ["warm, deeper shadows", "cold"]
    rows = embedding(texts)
    tokens = CLIPTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        pooled = CLIPModel.from_pretrained(folder).eval().text_model(**tokens).pooler_output
    torch.testing.assert_close(rows, torch.nn.functional.normalize(pooled, dim=1))
    torch.testing.assert_close(embedding(texts[1:])[0], rows[1], atol=1e-5, rtol=1e-4)  # padding changes nothing
    assert embedding(["warm " * 100]).shape == (1, 24)  # cut to CLIP's 77 tokens
    assert str(folder) in embedding.name
    assert embedding.unknown("xyzzy") == {}


def test_missing_clip_weights_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        ClipText(tmp_path / "absent")
    folder = save_clip(tmp_path / "clip")
    for file in (*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("merges*")):
        file.unlink()
    with pytest.raises(MissingWeights, match="does not hold the tokenizer"):
        ClipText(folder)


@pytest.mark.parametrize(
    ("prompt", "best"),
    [
        ("sunset", 0),
        ("amber evening glow", 0),
        ("icy", 1),
        ("lunar", 1),
        ("monochrome", 2),
        ("film noir", 2),
        ("olive", 3),
        ("less contrast, green", 3),
        ("more contrast", 1),
        ("not warm", 1),
        ("not cold", 0),
    ],
)
def test_the_nearest_document(prompt: str, best: int) -> None:
    assert ranking(prompt)[0] == best


def test_rows_have_unit_length_and_unknown_words_none() -> None:
    embedding = LexicalText(DOCUMENTS)
    rows = embedding([*DOCUMENTS, "xyzzy"])
    torch.testing.assert_close(rows.norm(dim=1), torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]))
    assert "stands in for CLIP" in embedding.name


def test_what_is_denied_counts_against() -> None:
    embedding = LexicalText(DOCUMENTS)
    warm, cold = (embedding(DOCUMENTS) @ embedding(["warm"])[0])[:2]
    assert warm > 0 > cold


def test_rare_words_weigh_more() -> None:
    embedding = LexicalText(["film grain", "film dust", "film dirt"])
    assert (
        embedding(["film grain"])[0] @ embedding(["grain"])[0] > embedding(["film grain"])[0] @ embedding(["film"])[0]
    )


def test_unknown_words_are_told_with_what_they_may_mean() -> None:
    embedding = LexicalText(DOCUMENTS)
    assert embedding.unknown("warmer detectives, no hard light in the picture") == {}
    assert embedding.unknown("more contrsat, ornge, xyzzy") == {"contrsat": "contrast", "ornge": "orange", "xyzzy": ""}


def test_a_no_reaches_past_words_without_a_meaning() -> None:
    embedding = LexicalText(DOCUMENTS)
    plain, wordy = embedding(["not blue"]), embedding(["don't make it look too blue"])
    torch.testing.assert_close(plain, wordy)
