"""What looks are measured to do, against looks that do one thing."""

from __future__ import annotations

import pytest
import torch

from lutgrade.lut import Lut, looks
from lutgrade.lut.look_ops import OPERATIONS
from lutgrade.models.look_measures import HUES, measure


def test_the_identity_changes_nothing() -> None:
    assert set(measure(lambda image: image).values()) == {0.0}
    assert max(abs(value) for value in measure(Lut.identity(33)).values()) < 1e-3


@pytest.mark.parametrize(
    ("operation", "parameters", "signs"),
    [
        ("exposure", {"amount": 0.5}, {"exposure": 1, "shadows": 1, "highlights": 1, "temperature": 0, "tint": 0}),
        ("exposure", {"amount": -0.5}, {"exposure": -1, "shadows": -1, "highlights": -1}),
        ("contrast", {"amount": 1.3, "pivot": 0.5}, {"contrast": 1, "shadows": -1, "temperature": 0}),
        ("contrast", {"amount": 0.7, "pivot": 0.5}, {"contrast": -1, "shadows": 1, "blacks": 1}),
        ("temperature", {"amount": 0.4}, {"temperature": 1}),
        ("temperature", {"amount": -0.4}, {"temperature": -1}),
        ("tint", {"amount": 0.5}, {"tint": 1}),
        ("tint", {"amount": -0.5}, {"tint": -1}),
        ("saturation", {"amount": 1.4}, {"saturation": 1, "reds": 1, "greens": 1, "blues": 1, "exposure": 0}),
        ("saturation", {"amount": 0.5}, {"saturation": -1, "reds": -1, "greens": -1, "blues": -1}),
        ("monochrome", {}, {"saturation": -1, "contrast": 0}),
        ("fade", {"black": 0.15}, {"blacks": 1, "shadows": 1, "contrast": -1}),
        ("highlight_rolloff", {"knee": 0.6, "limit": 1.3}, {"shoulder": 1, "shadows": 0, "blacks": 0}),
        ("hue_range", {"hue": 140, "width": 40, "saturation": 1.5}, {"greens": 1, "reds": 0, "blues": 0}),
        ("split_tone", {"shadow_hue": 0, "shadow_amount": 0.05}, {"shadow_a": 1, "shadow_b": 0, "exposure": 0}),
        ("split_tone", {"highlight_hue": 270, "highlight_amount": 0.05}, {"highlight_b": -1, "highlight_a": 0}),
    ],
)
def test_an_operation_moves_what_it_is_named_for(
    operation: str, parameters: dict[str, float], signs: dict[str, int]
) -> None:
    measured = measure(lambda image: OPERATIONS[operation](image, **parameters))
    for name, sign in signs.items():
        if sign:
            assert sign * measured[name] > 0.25, name
        else:
            assert abs(measured[name]) < 0.25, name


def test_a_stronger_change_measures_more() -> None:
    steps = [measure(lambda image, s=stops: image * 2**s)["exposure"] for stops in (0.1, 0.2, 0.4)]
    assert steps == sorted(steps)
    assert steps[0] > 0


def test_hues_that_are_measured_lie_inside_the_gamut() -> None:
    outside: list[float] = []

    def watch(image: torch.Tensor) -> torch.Tensor:
        outside.append(float((image - image.clamp(0, 1)).abs().max()))
        return image

    measured = measure(watch)
    assert max(outside) < 1e-6
    assert set(HUES) <= set(measured)


def test_a_look_and_its_lut_measure_alike() -> None:
    for name in ("teal_and_orange", "sepia", "golden_hour"):
        look = looks()[name]
        exact, sampled = measure(look), measure(look.lut(33))
        assert all(abs(exact[key] - sampled[key]) < 0.12 * max(1, abs(exact[key])) for key in exact)


def test_the_library_measures_as_it_is_described() -> None:
    measured = {name: measure(look) for name, look in looks().items()}
    for name, checks in {
        "teal_and_orange": {"shadow_a": -1, "highlight_b": 1},
        "classic_noir": {"saturation": -4, "contrast": 1},
        "faded_print": {"blacks": 1, "contrast": -1, "saturation": -1},
        "high_key": {"exposure": 1},
        "low_key": {"exposure": -1, "shadows": -1},
        "green_thriller": {"tint": -1},
        "golden_hour": {"temperature": 1},
        "winter_cold": {"temperature": -0.5, "contrast": 1},
    }.items():
        for key, bound in checks.items():
            assert measured[name][key] * (1 if bound > 0 else -1) > abs(bound) - 0.5, (name, key)
