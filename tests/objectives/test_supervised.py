"""The supervised objective: its terms by hand, and what it needs of a batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lutgrade.color.difference import delta_e_76
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.objectives.supervised import Supervised
from models.learned import graded_sample, numbers


class Fixed(nn.Module):
    """Always the same LUT."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        return Lut(self.table.expand(len(content), -1, -1, -1, -1))


def test_the_right_lut_costs_nothing() -> None:
    batch = graded_sample(size=17)
    assert batch.lut is not None
    target = Lut(batch.lut)(batch.frames[:, 0])[:, None]
    terms = numbers(Supervised(lab=1, table=1)(Fixed(batch.lut[:1]), replace(batch, target=target)))
    assert terms["table"] == 0
    assert terms["image"] == pytest.approx(0, abs=1e-6)
    assert terms["loss"] == pytest.approx(0, abs=1e-5)


def test_terms_by_hand() -> None:
    batch = graded_sample(frames=2)
    objective = Supervised(image=2, lab=3, table=5, smoothness=7, monotonicity=11)
    shifted = identity_table(9)[None] + torch.tensor([0.1, 0, 0])[:, None, None, None]
    batch = replace(batch, target=batch.frames, lut=identity_table(9).expand(2, -1, -1, -1, -1))
    batch = replace(batch, frames=0.5 * batch.frames, target=0.5 * batch.frames)
    terms = numbers(objective(Fixed(shifted), batch))
    assert terms["image"] == pytest.approx(0.1, abs=1e-3)
    assert terms["table"] == pytest.approx(0.1 / 3, rel=1e-4)
    assert terms["smoothness"] == pytest.approx(0, abs=1e-8)
    flat = batch.frames.flatten(0, 1)
    shift = torch.tensor([0.1, 0, 0])[:, None, None]
    expected = delta_e_76(srgb_to_lab(flat + shift), srgb_to_lab(flat)).mean() / 100
    assert terms["lab"] == pytest.approx(float(expected), abs=2e-3)
    assert terms["loss"] == pytest.approx(2 * terms["image"] + 3 * terms["lab"] + 5 * terms["table"], rel=1e-4)


def test_the_log_error_is_a_tenth_of_the_negative_psnr_and_stops_at_40_db() -> None:
    batch = graded_sample()
    shifted = identity_table(9)[None] + 0.1  # the images are darker than that
    half = replace(batch, frames=0.5 * batch.frames, target=0.5 * batch.frames)
    objective = Supervised(image=0, table=0, log_error=3)
    terms = numbers(objective(Fixed(shifted), half))
    assert terms["log_error"] == pytest.approx(-2, abs=0.01)
    assert terms["loss"] == pytest.approx(3 * terms["log_error"])
    assert numbers(objective(Fixed(identity_table(9)[None]), half))["log_error"] == pytest.approx(-4, abs=1e-3)


def test_a_table_of_another_size_is_compared_on_the_predicted_nodes() -> None:
    batch = graded_sample(size=17)
    assert batch.lut is not None
    coarse = batch.lut[:1, :, ::2, ::2, ::2]
    terms = numbers(Supervised(image=0, table=1)(Fixed(coarse), batch))
    assert terms["table"] == pytest.approx(0, abs=1e-6)


def test_a_weight_of_zero_leaves_a_term_out() -> None:
    batch = replace(graded_sample(), lut=None)
    terms = Supervised(image=1, table=0)(Fixed(identity_table(9)[None]), batch)
    assert set(terms) == {"loss", "image"}


@pytest.mark.parametrize(("missing", "what"), [("target", "target"), ("lut", "LUT")])
def test_a_batch_without_the_truth_is_refused(missing: str, what: str) -> None:
    batch = replace(graded_sample(), **{missing: None})
    with pytest.raises(InputError, match=f"samples with a known {what}"):
        Supervised()(Fixed(identity_table(9)[None]), batch)


def test_values_beyond_the_range_keep_a_gradient() -> None:
    """Too bright a LUT is pulled back, though what it gives would be clamped."""
    model = Fixed(identity_table(9)[None] + 2)
    Supervised(lab=1)(model, graded_sample())["loss"].backward()
    assert model.table.grad is not None
    assert model.table.grad.abs().sum() > 0
