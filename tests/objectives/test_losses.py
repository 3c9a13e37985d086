"""Terms of losses against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.encoders import SmallEncoder
from lutgrade.objectives.gram import ColorStyle
from lutgrade.objectives.losses import (
    content_distance,
    histogram_divergence,
    monotonicity,
    smoothness,
    soft_histogram,
    style_distance,
    with_loss,
)
from lutgrade.objectives.style import Style
from lutgrade.objectives.supervised import Supervised


@pytest.mark.parametrize("size", [5, 17])
def test_smoothness_is_the_square_slope_of_the_residual(size: int) -> None:
    identity = identity_table(size)[None]
    assert smoothness(identity) == 0
    assert smoothness(identity + 0.2) == pytest.approx(0, abs=1e-8)
    # Half the contrast: a residual of slope -0.5, for each channel along one axis of three.
    assert smoothness(0.5 * identity) == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize("size", [5, 17])
def test_monotonicity_counts_falling_slopes_alone(size: int) -> None:
    identity = identity_table(size)[None]
    assert monotonicity(identity) == 0
    assert monotonicity(1.7 * identity - 0.3) == 0
    assert monotonicity(1 - identity) == pytest.approx(1.0, rel=1e-4)
    red_falls = identity.clone()
    red_falls[:, 0] = 1 - red_falls[:, 0]
    assert monotonicity(red_falls) == pytest.approx(1 / 3, rel=1e-4)
    mixed = Lut.from_function(lambda x: x - 0.3 * x.flip(-3), size).table[None]  # falls along other channels' axes
    assert monotonicity(mixed) == 0


def test_a_soft_histogram_by_hand() -> None:
    image = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 2, 2)
    expected = torch.tensor([1.5, 1.5, 1.0]) / 4  # bins at 0, 0.5 and 1; 0.25 is halved
    torch.testing.assert_close(soft_histogram(image, 3)[0, 0], expected)


def test_a_soft_histogram_of_nan_is_nan() -> None:
    image = torch.rand(1, 3, 4, 4)
    image[0, 1, 2, 2] = math.nan
    assert soft_histogram(image, 8).isfinite().all(-1).tolist() == [[True, False, True]]


def test_parts_stand_beside_their_weighted_sum() -> None:
    parts = {"a": torch.tensor(2.0), "b": torch.tensor(3.0)}
    assert with_loss(parts, {"a": 0.5, "b": 2.0, "c": 7.0}) == {"loss": torch.tensor(7.0), **parts}
    assert with_loss({}, {"c": 7.0}) == {"loss": torch.tensor(0.0)}


@pytest.mark.parametrize("objective", [Supervised, partial(Style, SmallEncoder()), partial(ColorStyle, SmallEncoder())])
def test_an_objective_without_a_weight_is_refused(objective: Callable[..., object]) -> None:
    nothing = {"image": 0.0, "table": 0.0} if objective is Supervised else {"content": 0.0, "style": 0.0}
    with pytest.raises(InputError, match="without a weight above 0"):
        objective(**nothing)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(0, 1000))
def test_a_soft_histogram_sums_to_one_and_keeps_the_mean(bins: int, seed: int) -> None:
    image = torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    histogram = soft_histogram(image, bins)
    torch.testing.assert_close(histogram.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    centres = torch.linspace(0, 1, bins, dtype=torch.float64)
    torch.testing.assert_close((histogram * centres).sum(-1), image.mean((2, 3)))


def test_histogram_divergence_by_hand() -> None:
    """Half black, half white against three quarters black: a divergence in nats for each of three channels."""
    graded = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 3, 1, 4)
    reference = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(1, 3, 1, 4)
    expected = 3 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert histogram_divergence(graded, reference, bins=2) == pytest.approx(expected, abs=1e-4)
    assert histogram_divergence(reference, reference, bins=2) == pytest.approx(0, abs=1e-4)


def test_histogram_divergence_has_a_gradient_that_lowers_it() -> None:
    graded = torch.full((1, 3, 4, 4), 0.3, requires_grad=True)
    reference = torch.full((1, 3, 4, 4), 0.34)
    before = histogram_divergence(graded, reference, bins=8)
    before.backward()
    assert graded.grad is not None
    assert (graded.grad < 0).all()
    assert histogram_divergence(graded.detach() + 0.02, reference, bins=8) < before


def test_feature_distances_by_hand() -> None:
    a, b = torch.zeros(1, 2, 1, 2), torch.tensor([3.0, 3.0, 4.0, 4.0]).view(1, 2, 1, 2)
    assert content_distance(a, b, "mse") == pytest.approx(12.5)
    assert content_distance(a, b, "l2") == pytest.approx(math.sqrt(50))
    assert style_distance([a], [b], "l2") == pytest.approx(5.0)  # the means are 3 and 4, the deviations are equal
    assert style_distance([a, a], [b, b], "mse") == pytest.approx(25.0)
    spread = torch.tensor([-1.0, 1.0, 0.0, 0.0]).view(1, 2, 1, 2)
    assert style_distance([a], [spread], "l2") == pytest.approx(1.0, abs=0.01)  # by its deviation alone


@pytest.mark.parametrize("distance", ["mse", "l2"])
def test_equal_features_have_a_finite_gradient(distance: str) -> None:
    a = torch.rand(2, 3, 4, 4, requires_grad=True)
    (content_distance(a, a.detach(), distance) + style_distance([a], [a.detach()], distance)).backward()  # type: ignore[arg-type]
    assert a.grad is not None
    assert a.grad.isfinite().all()
