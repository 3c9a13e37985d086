"""The schedule and DDIM against diffusers' own scheduler, and the ways between what can be predicted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models.diffusion import FIRST, LAST, Diffusion
from lutgrade.torchvision_shim import prepare_torchvision

ZERO = {"zero_terminal_snr": True, "spacing": "trailing"}
SETTINGS: list[dict[str, Any]] = [
    {"prediction": "epsilon", "betas": "linear"},
    {"prediction": "v_prediction", "betas": "scaled_linear"},
    {"prediction": "v_prediction", **ZERO},
    {"prediction": "sample", "betas": "linear", **ZERO},
]


@pytest.fixture(params=SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def diffusion(request: pytest.FixtureRequest) -> Diffusion:
    return Diffusion(**request.param)


def scheduler(diffusion: Diffusion) -> Any:
    """diffusers' own of the same process."""
    prepare_torchvision()
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=diffusion.steps,
        beta_start=FIRST,
        beta_end=LAST,
        beta_schedule=diffusion.betas,
        prediction_type=diffusion.prediction,
        rescale_betas_zero_snr=diffusion.zero_terminal_snr,
        timestep_spacing=diffusion.spacing,
        steps_offset=1 if diffusion.spacing == "leading" else 0,
        clip_sample=False,
        set_alpha_to_one=True,
    )


def network(noisy: Tensor, timestep: Tensor) -> Tensor:
    return torch.sin(3 * noisy) + timestep / 1000


@pytest.mark.parametrize("steps", [1, 7, 25])
def test_ddim_is_diffusers(diffusion: Diffusion, steps: int) -> None:
    theirs = scheduler(diffusion)
    torch.testing.assert_close(diffusion.alphas_cumprod, theirs.alphas_cumprod, rtol=0, atol=1e-6)
    theirs.set_timesteps(steps)
    assert torch.equal(diffusion.timesteps(steps), theirs.timesteps)
    wanted = noise = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for timestep, ours in zip(theirs.timesteps, diffusion.trajectory(network, noise, steps), strict=True):
        wanted = theirs.step(network(wanted, timestep), timestep, wanted).prev_sample
        torch.testing.assert_close(ours, wanted, rtol=0, atol=2e-4 * float(wanted.std()))


def test_the_published_timesteps() -> None:
    assert Diffusion().timesteps(25).tolist() == list(range(961, 0, -40))


def test_zero_terminal_snr_ends_in_noise() -> None:
    assert Diffusion(prediction="v_prediction", **ZERO).alphas_cumprod[-1] == 0
    torch.testing.assert_close(Diffusion(betas="linear").alphas_cumprod[-1], torch.tensor(0.00158), rtol=0, atol=1e-5)


def test_a_true_prediction_gives_the_sample_at_any_timestep(diffusion: Diffusion) -> None:
    generator = torch.Generator().manual_seed(0)
    timestep = torch.tensor([0, 400, 900])
    clean, noise = torch.randn(3, 6, generator=generator), torch.randn(3, 6, generator=generator)
    noisy, target = diffusion.add_noise(clean, noise, timestep), diffusion.target(clean, noise, timestep)
    torch.testing.assert_close(diffusion.clean(target, noisy, timestep), clean, rtol=0, atol=1e-4)
    torch.testing.assert_close(diffusion.predict(clean, noisy, timestep), target, rtol=0, atol=1e-3)


def test_sampling_follows_a_gaussian_home() -> None:
    """With the exact denoiser of a Gaussian, DDIM moves the noise to it."""
    diffusion = Diffusion(prediction="sample", **ZERO)
    mean, deviation = 2.0, 0.3

    def exact(noisy: Tensor, timestep: Tensor) -> Tensor:
        alpha = diffusion.alphas_cumprod[timestep]
        precision, seen = deviation**-2, alpha / (1 - alpha)
        return (precision * mean + alpha.sqrt() / (1 - alpha) * noisy) / (precision + seen)

    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    *_, drawn = diffusion.trajectory(exact, noise, 500)
    assert abs(float(drawn.mean()) - mean) < 0.02
    assert abs(float(drawn.std()) - deviation) < 0.02


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InputError, match="use prediction=v_prediction"):
        Diffusion(zero_terminal_snr=True, spacing="trailing")
    with pytest.raises(InputError, match="use spacing=trailing"):
        Diffusion(prediction="sample", zero_terminal_snr=True)
    with pytest.raises(InputError, match="betas is 'cosine'"):
        Diffusion(betas="cosine")  # type: ignore[arg-type]


@pytest.mark.parametrize(("spacing", "most"), [("leading", 999), ("trailing", 1000)])
def test_the_schedule_can_be_sampled_as_finely_as_it_is(spacing: Any, most: int) -> None:
    diffusion, noise = Diffusion(spacing=spacing), torch.zeros(1, 2)
    assert len(list(diffusion.trajectory(network, noise, most))) == most
    for steps in (-1, 0, most + 1):
        with pytest.raises(InputError, match=f"{steps} steps of sampling; from 1 to {most} can be made"):
            list(diffusion.trajectory(network, noise, steps))
