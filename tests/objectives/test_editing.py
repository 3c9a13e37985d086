"""Stage 1's objective on a tiny editor."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.objectives.editing import Editing
from models.learned import graded_sample, train, without_gradient
from models.test_diffusion import scheduler
from models.test_editor import tiny_editor


def test_a_batch_is_learned() -> None:
    editor = tiny_editor()
    sample = graded_sample(batch=1)
    losses = train(editor, Editing(), sample, steps=120, learning_rate=4e-3)
    assert sum(losses[:10]) / 10 > 0.8  # of noise with unit variance
    assert sum(losses[-20:]) / 20 < 0.4


def test_every_weight_gets_a_gradient() -> None:
    editor, sample = tiny_editor().train(), graded_sample()
    idle = without_gradient(editor, lambda: Editing(context_dropout=0.0)(editor, sample)["loss"])
    # Attention to a single image token is always all of it, whatever the query.
    assert all(re.search(r"\.(norm2|attn2\.to_[qk])\.", name) for name in idle)


def test_the_loss_is_the_error_of_the_prediction() -> None:
    editor, sample = tiny_editor().requires_grad_(False), graded_sample()
    for diffusion, seed in (
        (Diffusion(), 0),
        (Diffusion("v_prediction", zero_terminal_snr=True, spacing="trailing"), 1),
    ):
        editor.diffusion = diffusion
        torch.manual_seed(seed)
        loss = Editing(context_dropout=0.0)(editor, sample)["loss"]
        torch.manual_seed(seed)
        torch.rand(2, 1, 1)  # the dropout's draw
        timestep, noise = torch.randint(1000, (2,)), torch.randn(2, 3, 16, 16)
        assert sample.target is not None
        source, target, reference = (
            editor.codec.fit(images[:, 0]) for images in (sample.frames, sample.target, sample.reference)
        )
        alpha = scheduler(diffusion).alphas_cumprod[timestep].view(2, 1, 1, 1)
        noisy = alpha.sqrt() * (2 * target - 1) + (1 - alpha).sqrt() * noise
        wanted = noise
        if diffusion.prediction == "v_prediction":
            wanted = alpha.sqrt() * noise - (1 - alpha).sqrt() * (2 * target - 1)
        context = editor.codec.context(reference)
        banks = editor.banks(2 * reference - 1, context)
        predicted = editor.denoise(noisy, 2 * source - 1, timestep, context, banks)
        torch.testing.assert_close(loss, (predicted - wanted).square().mean(), rtol=1e-4, atol=1e-5)


def test_dropped_tokens_are_zero() -> None:
    torch.manual_seed(0)
    context = Editing(context_dropout=0.1)._dropped(torch.ones(2000, 1, 4))
    assert set(context.unique().tolist()) == {0.0, 1.0}
    assert 0.07 < (context[:, 0, 0] == 0).float().mean() < 0.13
    assert torch.equal(context, context[..., :1].expand_as(context))


def test_what_it_cannot_use_is_refused() -> None:
    with pytest.raises(InputError, match="a share"):
        Editing(context_dropout=1.5)
    with pytest.raises(InputError, match="known target"):
        Editing()(tiny_editor(), dataclasses.replace(graded_sample(), target=None))
