"""What is read out of a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.models.look_measures import measure
from lutgrade.models.wishes import Wish, concepts, stem, wishes, words_of


def asked(prompt: str) -> dict[str, float]:
    """The amounts by measure; casts as region and hue."""
    return {w.measure if w.hue is None else f"{w.measure} {w.hue:.0f}": w.amount for w in wishes(prompt)[0]}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("warm, deeper shadows, softer highlights", {"temperature": 1, "shadows": -1, "shoulder": 1}),
        ("warmer", {"temperature": 1}),
        ("less warm", {"temperature": -1}),
        ("not warm", {"temperature": -0.5}),
        ("slightly cooler", {"temperature": -0.5}),
        ("not too warm", {"temperature": -0.5}),
        ("much darker", {"exposure": -1.5}),
        ("more contrast", {"contrast": 1}),
        ("contrast", {"contrast": 1}),
        ("lower contrast", {"contrast": -1}),
        ("soft contrast", {"contrast": -1}),
        ("no hard contrast", {"contrast": -1}),
        ("more contrast and saturation", {"contrast": 1, "saturation": 1}),
        ("muted colours", {"saturation": -1}),
        ("muted COLORS", {"saturation": -1}),
        ("warm colours", {"temperature": 1}),
        ("crushed blacks", {"blacks": -1, "shadows": -0.5}),
        ("lift the shadows", {"shadows": 1}),
        ("open shadows", {"shadows": 1}),
        ("bright highlights", {"highlights": 1}),
        ("boost yellows and oranges", {"yellows": 1, "oranges": 1}),
        ("mute the greens", {"greens": -1}),
        ("green tint", {"midtone 142": 1}),
        ("teal shadows, orange highlights", {"shadow 200": 1, "highlight 58": 1}),
        ("warm highlights", {"highlight 70": 1}),
        ("neutral", {"temperature": 0, "tint": 0}),
        ("no colour cast", {"temperature": 0, "tint": 0}),
        ("black and white", {"saturation": -2}),
        ("a detective in a hotel", {}),
    ],
)
def test_a_prompt_asks_for(prompt: str, expected: dict[str, float]) -> None:
    assert asked(prompt) == expected


def test_the_share_is_of_the_words_that_say_what_to_change() -> None:
    assert wishes("warmer, deeper shadows")[1] == 1
    assert wishes("a detective film")[1] == 0
    assert 0.2 < wishes("a warm detective film of the forties")[1] < 0.5


def test_everything_asked_for_is_measured() -> None:
    measured = measure(lambda image: image)
    text = (
        "warm cold bright dark soft vivid muted, more contrast, deep blacks, teal shadows, soft highlights, more reds"
    )
    for wish in wishes(text)[0]:
        assert wish.agreement(measured) == (1 if wish.amount == 0 else 0)


def test_a_wish_is_granted_by_its_direction_and_not_by_far_too_much() -> None:
    warmer = Wish("temperature", 1)
    grants = [warmer.agreement({"temperature": value}) for value in (-2.0, -0.5, 0.0, 0.5, 2.0)]
    assert grants == sorted(grants)
    assert grants[0] == pytest.approx(-grants[-1], abs=1e-6)
    assert warmer.agreement({"temperature": 9.0}) < grants[-1]
    assert Wish("temperature", 0).agreement({"temperature": 0.1}) > Wish("temperature", 0).agreement(
        {"temperature": -1}
    )
    blue = Wish("shadow", 1, hue=270)
    assert blue.agreement({"shadow_a": 0.0, "shadow_b": -1.5}) > 0.8
    assert blue.agreement({"shadow_a": 0.0, "shadow_b": 1.5}) < -0.8


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


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read(text: str) -> None:
    found, share = wishes(text)
    assert 0 <= share <= 1
    assert all(abs(wish.amount) <= 2 for wish in found)
