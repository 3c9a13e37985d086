"""The grade of a shot: strength, parameters by hand, sharpness after the LUT, log content."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.color import adjust
from lutgrade.color.log import encode_log, log_to_display
from lutgrade.color.spaces import srgb_to_linear
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.matching import MKL
from lutgrade.models.ncst import NCST, ParametricGrade, adjust_pointwise
from lutgrade.options import GradeOptions
from lutgrade.predicting import ShotGrade, check_model, predict_grade
from models.learned import SMALL, pictures, small_encoder

AMOUNTS = {"brightness": 0.8, "saturation": 0.6, "sharpness": 1.8}
CONTENT, REFERENCE = pictures(0, 1)[0], pictures(1, 1)[0]


def fixed(content: Tensor, reference: Tensor) -> ParametricGrade:
    """A model that always predicts the same parameters."""
    return ParametricGrade({name: torch.tensor([amount]) for name, amount in AMOUNTS.items()}, 17)


def ncst() -> NCST:
    torch.manual_seed(0)
    ranges = {"contrast": [0.5, 2.0], "hue": [-0.1, 0.1], "sharpness": [0.5, 1.5]}
    return NCST(small_encoder(), ranges=ranges, **SMALL).eval()  # type: ignore[arg-type]


def predicted(model: object = fixed, **options: object) -> ShotGrade:
    return predict_grade(model, CONTENT, REFERENCE, GradeOptions(**options))  # type: ignore[arg-type]


def test_sharpness_follows_the_lut_and_is_not_in_it() -> None:
    grade = predicted()
    pointwise = adjust_pointwise(CONTENT, AMOUNTS)
    torch.testing.assert_close(grade.lut(CONTENT), pointwise, rtol=0, atol=1e-5)
    torch.testing.assert_close(grade(CONTENT), adjust.sharpness(pointwise, 1.8).clamp(0, 1), rtol=0, atol=1e-4)
    assert grade.parameters == pytest.approx(AMOUNTS)


def test_half_the_strength_is_half_of_everything() -> None:
    full, half = predicted(), predicted(strength=0.5)
    torch.testing.assert_close(half.lut(CONTENT), (CONTENT + full.lut(CONTENT)) / 2, rtol=0, atol=1e-5)
    assert half.sharpness == pytest.approx(1.4)
    assert half.parameters == full.parameters


def test_strength_zero_is_the_identity() -> None:
    none = predicted(strength=0)
    assert none.sharpness == 1
    assert torch.equal(none.lut.table, Lut.identity(33).table)


def test_beyond_full_strength_sharpness_never_turns_negative() -> None:
    blurred = predicted(lambda content, reference: ParametricGrade({"sharpness": torch.tensor([0.2])}, 9), strength=4)
    assert blurred.sharpness == 0


def test_amounts_by_hand_replace_the_predicted() -> None:
    grade = predicted(ncst(), parameters={"contrast": 1.5, "gamma": 2.0})
    assert grade.parameters == pytest.approx({"contrast": 1.5, "hue": 0.0, "sharpness": 1.0, "gamma": 2.0}, abs=1e-6)
    expected = ParametricGrade({"contrast": torch.tensor([1.5]), "gamma": torch.tensor([2.0])}, ncst().size)
    torch.testing.assert_close(grade.lut(CONTENT), expected.lut(CONTENT[None])[0], rtol=0, atol=1e-5)


def test_a_look_comes_after_the_lut_and_before_sharpness() -> None:
    look = Lut(1 - identity_table(33))
    plain, grade = predicted(), predicted().then(look)
    torch.testing.assert_close(grade.lut(CONTENT), 1 - plain.lut(CONTENT), rtol=0, atol=1e-5)
    torch.testing.assert_close(grade.preview(CONTENT), grade(CONTENT), rtol=0, atol=1e-5)
    expected = adjust.sharpness(1 - plain.lut(CONTENT), 1.8).clamp(0, 1)
    torch.testing.assert_close(grade(CONTENT), expected, rtol=0, atol=1e-4)
    assert grade.parameters == plain.parameters


def test_a_model_without_named_parameters_has_none_to_set() -> None:
    options = GradeOptions(parameters={"contrast": 1.5})
    with pytest.raises(InputError, match="MKL has no named parameters, so contrast cannot be set"):
        check_model(MKL(), options)
    with pytest.raises(InputError, match="cannot be set"):
        predict_grade(MKL(), CONTENT, REFERENCE, options)
    assert predicted(MKL()).parameters == {}


def test_a_grader_of_whole_clips_is_refused() -> None:
    def grader(frames: Tensor, reference: Tensor, *, seed: int) -> Tensor:
        return frames

    with pytest.raises(InputError, match="gives no LUT"):
        check_model(grader, GradeOptions())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="gives no LUT"):
        predicted(grader)


def test_the_preview_of_log_content_takes_what_is_displayed() -> None:
    grade = predicted(input_log="slog3")
    log = encode_log(0.5 * srgb_to_linear(CONTENT), "slog3")
    displayed = log_to_display(log, "slog3")
    assert (grade(log) - grade.preview(displayed)).abs().mean() < 1 / 255
    assert (grade(log) - grade.preview(log)).abs().mean() > 10 / 255
