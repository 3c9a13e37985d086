"""What is read out of a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.models.look_measures import measure
from lutgrade.models.wishes import Wish, wishes


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
        ("high-contrast black-and-white", {"saturation": -2, "contrast": 1}),
        ("bleach bypass", {"saturation": -1, "contrast": 1}),
        ("low-key lighting", {"exposure": -1}),
        ("half a stop darker", {"exposure": -0.5}),
        # A hue that is to be added or taken away is a cast; by itself it may be of the scene.
        ("more teal in the shadows", {"shadow 200": 1}),
        ("add some blue to the highlights", {"highlight 260": 1}),
        ("warmth in the highlights", {"highlight 70": 1}),
        ("less green in the shadows", {"shadow 142": -1}),
        ("less red", {"midtone 29": -1}),
        ("redder", {"midtone 29": 1}),
        ("a red bus", {}),
        ("remove the green cast", {"midtone 142": -1}),
        ("reduce the yellow cast", {"midtone 100": -1}),
        ("neutral shadows", {"shadow 0": 0, "shadow 90": 0}),
        # "No", "less" and "too".
        ("no contrast", {"contrast": -1}),
        ("no saturation", {"saturation": -2}),
        ("no warm tones", {"midtone 70": -0.5, "temperature": -0.5}),
        ("isn't warm", {"temperature": -0.5}),
        ("neither warm nor cold", {"temperature": 0}),
        ("don't make it too blue", {"temperature": 0.5}),
        ("too warm", {"temperature": -1}),
        ("the shadows are too dark", {"shadows": 1}),
        ("it's too green", {"midtone 142": -1}),
        ("too much contrast", {"contrast": -1.5}),
        ("make the greens less saturated", {"greens": -1}),
        ("more muted greens", {"greens": -1}),
        ("don't crush the blacks", {"blacks": 1, "shadows": 0.5}),
        ("more contrast, no saturation", {"contrast": 1, "saturation": -2}),
        ("less contrast more saturation", {"contrast": -1, "saturation": 1}),
        ("deep shadows less contrast", {"shadows": -1, "contrast": -1}),
        ("shadows deep highlights bright", {"shadows": -1, "highlights": 1}),
        ("more contrast, blue shadows", {"contrast": 1, "shadow 260": 1}),
        ("deep blacks, warm skin", {"blacks": -1, "shadows": -0.5, "temperature": 1}),
        ("clean deep shadows", {"shadow 0": 0, "shadow 90": 0, "shadows": -1}),
        # What should stay.
        ("darker but keep the highlights", {"exposure": -1, "highlights": 0}),
        ("lift the shadows, keep contrast", {"shadows": 1, "contrast": 0}),
        ("more detail in the highlights", {"highlights": -1}),
        ("a detective in a hotel", {}),
    ],
)
def test_a_prompt_asks_for(prompt: str, expected: dict[str, float]) -> None:
    assert asked(prompt) == expected


def test_the_share_is_of_the_words_that_say_what_to_change() -> None:
    assert wishes("warmer, deeper shadows")[1] == 1
    assert wishes("a detective film")[1] == 0
    assert wishes("it isn't too warm")[1] == 1
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


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read(text: str) -> None:
    found, share = wishes(text)
    assert 0 <= share <= 1
    assert all(abs(wish.amount) <= 2 for wish in found)
