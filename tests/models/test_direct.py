"""Direct LUT optimisation: it approaches the reference's statistics, the same way every time."""

from __future__ import annotations

import pytest
import torch

from lutgrade.errors import LutgradeError
from lutgrade.models.direct import DirectLut
from lutgrade.models.encoders import SmallEncoder
from lutgrade.objectives.style import Style
from models.learned import graded_sample, pictures


def direct(steps: int, *, histogram: float = 0.1, learning_rate: float = 0.02) -> DirectLut:
    features = SmallEncoder((8, 8, 16, 16), seed=0, frozen=True)
    objective = Style(features, histogram=histogram, smoothness=0.01, monotonicity=1.0, bins=16, resolution=32)
    return DirectLut(objective, size=9, steps=steps, learning_rate=learning_rate, resolution=32)


def test_the_grade_approaches_the_reference() -> None:
    batch = graded_sample(batch=1)
    content, reference = batch.frames[:, 0], batch.reference[:, 0]
    graded = direct(30)(content, reference)(content)

    def distance(image: torch.Tensor) -> float:
        return float((image.mean((2, 3)) - reference.mean((2, 3))).norm())

    assert distance(graded) < 0.3 * distance(content)


def test_works_in_inference_mode_and_is_repeatable() -> None:
    content, reference = pictures(0), pictures(1)
    model = direct(3)
    first = model(content, reference).table
    with torch.inference_mode():
        second = model(content.clone(), reference.clone()).table
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_a_grade_that_diverges_is_no_grade() -> None:
    model = direct(4, histogram=0.0, learning_rate=float("inf"))
    with pytest.raises(LutgradeError, match="training LutParameter on this pair diverged"):
        model(pictures(0, 1), pictures(1, 1))
