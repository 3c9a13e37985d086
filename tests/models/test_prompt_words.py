"""A prompt as words."""

from __future__ import annotations

import pytest

from lutgrade.models.prompt_words import DENIED, concepts, signs, stem, vocabulary, words_of


def test_words_of_one_stem_meet() -> None:
    for words in ("fade faded fading fades", "warm warmer warmest warmly", "hot hotter", "mist misty", "story stories"):
        assert len({stem(word) for word in words.split()}) == 1, words
    assert stem("grass") == "grass"
    assert "purple" in concepts("violet")
    assert set(concepts("lavender")) & set(concepts("lilac"))
    assert concepts("hovercraft") == ()


def test_phrases_are_joined_and_clauses_parted() -> None:
    assert words_of("Black and white, with deep blacks.") == [["monochrome"], ["deep", "blacks"]]
    assert words_of("") == words_of(" ,;. ") == []


def test_hyphens_part_words_but_for_those_that_mean_something_together() -> None:
    assert words_of("black-and-white") == [["monochrome"]]
    assert words_of("blue-green, washed-out") == [["teal"], ["washed-out"]]
    assert words_of("a low-key hand-coloured print") == [["a", "low-key", "hand", "coloured", "print"]]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("less warm", [1, -1]),
        ("not too warm", [1, 1, -1]),  # "slightly less warm"
        ("isn't warm", [1, DENIED]),
        ("never make it too blue", [1, DENIED, DENIED, DENIED, DENIED]),
        ("less contrast more saturation", [1, -1, 1, 1]),
        ("no blue red green yellow", [1, DENIED, DENIED, DENIED, 1]),  # three words are its reach
        ("warm too", [1, 1]),
    ],
)
def test_what_words_before_make_of_a_word(clause: str, expected: list[float]) -> None:
    assert signs(words_of(clause)[0]) == expected


def test_every_word_of_the_vocabulary_is_a_single_one() -> None:
    assert all(words_of(word) for word in vocabulary())
    assert not any(" " in word for word in vocabulary())
