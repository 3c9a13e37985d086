"""Stage 2's losses: what is weighed how, and what a perfect model scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.objectives.lut_diffusion import LutDenoising, LutDistance
from models.learned import graded_sample, small_encoder

ZERO = {"zero_terminal_snr": True, "spacing": "trailing"}


class Known(nn.Module):
    """Latents are the residuals themselves; predicts what would be true of `truth`, plus `error`."""

    def __init__(self, diffusion: Diffusion, truth: Tensor, error: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.diffusion, self.truth, self.error, self.dropout = diffusion, truth, error, dropout
        self.told: list[Tensor] = []

    def encode(self, tables: Tensor, content: Tensor) -> Tensor:
        return tables

    def decode(self, latents: Tensor) -> Tensor:
        return latents

    def condition(self, content: Tensor, reference: Tensor) -> dict[str, Tensor]:
        return {"pair": torch.ones(len(content), 2)}

    def denoise(self, noisy: Tensor, timestep: Tensor, condition: dict[str, Tensor]) -> Tensor:
        self.told.append(condition["pair"])
        truth = self.truth.repeat(len(noisy) // len(self.truth), 1, 1, 1, 1)
        return self.diffusion.predict(truth, noisy, timestep) + self.error


@pytest.mark.parametrize(
    "settings", [{}, {"prediction": "v_prediction", **ZERO}, {"prediction": "sample"}], ids=["epsilon", "v", "sample"]
)
def test_the_truth_scores_nothing(settings: dict[str, Any]) -> None:
    batch = graded_sample()
    assert batch.lut is not None
    model = Known(Diffusion(**settings), batch.lut)
    objective = LutDenoising(image=1.0, perceptual=1.0, table=1.0, draws=3, features=small_encoder())
    parts = objective(model, batch)
    assert set(parts) == {"loss", "noise", "table", "image", "perceptual"}
    assert all(float(part) < 5e-3 for part in parts.values())  # the target is rounded to codes
    assert float(parts["noise"]) < 1e-6


def weights_of(diffusion: Diffusion, gamma: float | None) -> tuple[float, Tensor]:
    """The loss of a constant error, and the SNR of every timestep."""
    objective = LutDenoising(min_snr=gamma)
    timestep = torch.arange(diffusion.steps)
    return float(objective._weighed(diffusion, torch.ones(diffusion.steps, 4), timestep)), diffusion.snr(timestep)


def test_min_snr_weighs_as_hang_et_al() -> None:
    loss, snr = weights_of(Diffusion(), 5.0)
    assert loss == pytest.approx(float((snr.clamp(max=5) / snr).mean()), rel=1e-4)
    loss, snr = weights_of(Diffusion(prediction="v_prediction"), 5.0)
    assert loss == pytest.approx(float((snr.clamp(max=5) / (snr + 1)).mean()), rel=1e-4)
    loss, snr = weights_of(Diffusion(prediction="sample"), 5.0)
    assert loss == pytest.approx(float(snr.clamp(max=5).mean()), rel=1e-4)
    assert weights_of(Diffusion(), None)[0] == pytest.approx(1.0)


def test_the_timestep_of_zero_snr_counts() -> None:
    diffusion = Diffusion(prediction="v_prediction", **ZERO)
    last = torch.tensor([diffusion.steps - 1])
    assert float(LutDenoising(min_snr=5.0)._weighed(diffusion, torch.ones(1, 4), last)) == pytest.approx(1.0)


def test_a_part_without_weight_is_not_computed_but_validation_tells_of_the_lut() -> None:
    batch = graded_sample()
    assert batch.lut is not None
    model = Known(Diffusion(), batch.lut)
    assert set(LutDenoising()(model, batch)) == {"loss", "noise"}
    with torch.no_grad():
        assert set(LutDenoising()(model, batch)) == {"loss", "noise", "table"}


def test_the_condition_is_dropped_as_often_as_told() -> None:
    batch = graded_sample(batch=4)
    assert batch.lut is not None
    torch.manual_seed(0)
    model = Known(Diffusion(), batch.lut, dropout=0.25)
    for _ in range(60):
        LutDenoising(draws=2)(model, batch)
    told = torch.cat(model.told)
    assert set(told.unique().tolist()) == {0.0, 1.0}
    assert float(told.mean()) == pytest.approx(0.75, abs=0.08)


def test_the_distance_of_luts_by_hand() -> None:
    batch = graded_sample()
    assert batch.lut is not None

    class Off(nn.Module):
        def forward(self, content: Tensor, reference: Tensor) -> Any:
            from lutgrade.lut import Lut

            return Lut(batch.lut + 0.1)  # type: ignore[operator]

    assert float(LutDistance()(Off(), batch)["loss"]) == pytest.approx(0.01, rel=1e-4)


def test_what_cannot_be_is_refused() -> None:
    batch = graded_sample()
    assert batch.lut is not None
    model = Known(Diffusion(), batch.lut)
    with pytest.raises(InputError, match="without a weight above 0"):
        LutDenoising(noise=0.0)
    with pytest.raises(InputError, match="needs features"):
        LutDenoising(perceptual=1.0)
    for objective in (LutDenoising(), LutDistance()):
        with pytest.raises(InputError, match="samples with a known one"):
            objective(model, replace(batch, lut=None))
    with pytest.raises(InputError, match="samples with a known target"):
        LutDenoising(image=1.0)(model, replace(batch, target=None))
