"""Direct LUT optimisation: it approaches the reference's statistics, the same way every time."""

from __future__ import annotations

import torch

from lutgrade.models.direct import DirectLut
from lutgrade.models.encoders import SmallEncoder
from lutgrade.objectives.style import Style
from models.learned import graded_sample, pictures


def direct(steps: int) -> DirectLut:
    features = SmallEncoder((8, 8, 16, 16), seed=0, frozen=True)
    objective = Style(features, histogram=0.1, smoothness=0.01, monotonicity=1.0, bins=16, resolution=32)
    return DirectLut(objective, size=9, steps=steps, learning_rate=0.02, resolution=32)


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
