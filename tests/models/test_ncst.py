"""NCST: parameters inside their ranges, as a LUT and as adjustments, overridden, left out, and learned."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.color import adjust
from lutgrade.errors import InputError
from lutgrade.models.ncst import LIMITS, NCST, NEUTRAL, ParametricGrade, adjust_pointwise, in_range, parameters_to_lut
from lutgrade.objectives.supervised import Supervised
from models.learned import SMALL, graded_sample, pictures, small_encoder, train, without_gradient

RANGES = {
    "brightness": [0.4, 1.6],
    "contrast": [0.3, 2.0],
    "gamma": [0.4, 2.5],
    "hue": [-0.15, 0.15],
    "saturation": [0.0, 2.0],
    "sharpness": [0.5, 1.5],
    "temperature": [-2.0, 2.0],
}


def ncst(ranges: dict[str, list[float]] = RANGES) -> NCST:
    torch.manual_seed(0)
    return NCST(small_encoder(), ranges=ranges, **SMALL)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RANGES)
def test_zero_is_neutral_and_the_range_is_never_left(name: str) -> None:
    low, high = RANGES[name]
    raw = torch.tensor([-1e4, -3.0, 0.0, 3.0, 1e4])
    amounts = in_range(raw, name, low, high)
    assert amounts[2] == pytest.approx(NEUTRAL[name], abs=1e-6)
    assert (amounts.diff() >= 0).all()
    assert amounts[0] == pytest.approx(low, abs=1e-6)
    assert amounts[-1] == pytest.approx(high, abs=1e-6)


def test_the_untrained_model_changes_nothing() -> None:
    content = pictures(0)
    torch.testing.assert_close(ncst()(content, pictures(1))(content), content, rtol=0, atol=1e-5)


# Of amounts that steepen no curve at black, where no number of evenly spaced nodes follows a power under 1.
MODERATE = {
    "brightness": st.floats(0.5, 1.0),
    "contrast": st.floats(0.5, 1.0),
    "gamma": st.floats(1.0, 2.0),
    "hue": st.floats(-0.02, 0.02),
    "saturation": st.floats(0.0, 1.0),
    "temperature": st.floats(-0.5, 0.5),
}


@settings(max_examples=15, deadline=None)
@given(st.fixed_dictionaries({}, optional=MODERATE), st.integers(0, 100))
def test_the_lut_is_the_adjustments(amounts: dict[str, float], seed: int) -> None:
    if not amounts:
        return
    parameters = {name: torch.tensor([amount]) for name, amount in amounts.items()}
    image = pictures(seed, 1)
    error = (parameters_to_lut(parameters, 33)(image) - adjust_pointwise(image, parameters)).abs()
    assert error.mean() < 0.5 / 255
    # HSV's hexagon has edges and a warmer light clips red: in the cells that an edge crosses a LUT is a little off.
    assert error.max() < (4 if {"hue", "temperature"} & set(amounts) else 1) / 255


def test_nodes_are_even_from_black_to_white() -> None:
    table = parameters_to_lut({"gamma": torch.tensor([2.0])}, 5).table[0]
    torch.testing.assert_close(table[0, 0, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1]) ** 2)


def test_the_order_is_the_papers() -> None:
    image = pictures(0, 1)
    amounts = {"gamma": 1.5, "brightness": 0.8, "contrast": 1.2}
    expected = adjust.gamma(adjust.contrast(adjust.brightness(image, 0.8), 1.2), 1.5).clamp(0, 1)
    assert torch.equal(adjust_pointwise(image, amounts), expected)


def test_sharpness_comes_after_the_lut() -> None:
    image = pictures(0, 1)
    plain = {"brightness": torch.tensor([0.8])}
    grade = ParametricGrade({**plain, "sharpness": torch.tensor([1.8])})
    assert torch.equal(grade.lut.table, ParametricGrade(plain).lut.table)
    torch.testing.assert_close(grade(image), adjust.sharpness(grade.lut(image), 1.8).clamp(0, 1))
    assert not torch.equal(grade(image), grade.lut(image))


def test_a_parameter_set_by_hand_replaces_the_predicted() -> None:
    grade = ncst()(pictures(0), pictures(1))
    changed = grade.override(contrast=1.5, hue=0.1)
    assert changed.parameters["contrast"].tolist() == [1.5, 1.5]
    assert changed.parameters["gamma"] is grade.parameters["gamma"]
    expected = parameters_to_lut(changed.parameters, 9).table
    assert torch.equal(changed.lut.table, expected)
    assert not torch.equal(changed.lut.table, grade.lut.table)


def test_a_parameter_left_out_is_not_predicted() -> None:
    ranges = {name: limits for name, limits in RANGES.items() if name != "hue"}
    model = ncst(ranges)
    assert list(model.parameters_by_name(pictures(0), pictures(1))) == list(ranges)
    assert model.head[-1].out_features == 6


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"exposure": [0, 1]}, "no parameter 'exposure'; there are brightness"),
        ({"contrast": [1.2, 2.0]}, "the range of contrast must be"),
        ({"hue": [0.1]}, "the range of hue must be"),
        ({}, "at least one parameter"),
    ],
)
def test_bad_ranges_are_refused(ranges: dict[str, list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ncst(ranges)


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ({"contrst": 1.1}, r"no parameter 'contrst'; did you mean contrast\?"),
        ({"contrast": 2.5}, "contrast is from 0 to 2 .1 changes nothing., not 2.5"),
        ({"hue": -0.6}, "hue is from -0.5 to 0.5 .0 changes nothing., not -0.6"),
        ({"gamma": float("nan")}, "gamma is from 0.2 to 5 .* not nan"),
    ],
)
def test_a_bad_override_is_refused(amounts: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ncst()(pictures(0), pictures(1)).override(**amounts)


@pytest.mark.parametrize("name", NEUTRAL)
def test_whatever_can_be_set_is_an_image(name: str) -> None:
    assert LIMITS[name][0] < NEUTRAL[name] < LIMITS[name][1]
    image = pictures(0)
    for amount in LIMITS[name]:
        graded = ncst()(image, pictures(1)).override(**{name: amount})(image)
        assert graded.isfinite().all()
        assert graded.aminmax().min >= 0
        assert graded.aminmax().max <= 1


def test_a_gradient_reaches_every_parameter() -> None:
    model, batch = ncst(), graded_sample()
    torch.nn.init.normal_(model.head[-1].weight, std=0.1)
    assert without_gradient(model, lambda: Supervised()(model, batch)["loss"]) == []


def test_learns_one_batch() -> None:
    losses = train(ncst(), Supervised(table=0), graded_sample(), steps=30, learning_rate=1e-2)
    assert losses[-1] < 0.5 * losses[0]
