"""What changes how a step is executed changes its result by rounding at most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.training.execution import channels_last, executing
from lutgrade.training.state import check_same
from lutgrade.weights import read_weights
from training.test_trainer import TRAINER, fit, losses
from training.tiny import TinyLut

LAST = torch.channels_last


class Attentive(TinyLut):
    """A tiny model with a convolution, attention over its pixels, and a table of five dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.table = nn.Parameter(torch.zeros(1, 3, 5, 5, 5))
        self.flash: list[bool] = []

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        self.flash.append(torch.backends.cuda.flash_sdp_enabled())
        tokens = self.conv(content)[..., ::4, ::4].flatten(2).mT
        tokens = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return Lut(super().forward(content + tokens.mean(), reference).table + self.table)


def test_channels_last_is_a_layout_of_the_convolutions_alone() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GELU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    images = torch.randn(2, 3, 10, 10)
    before, weight = model(images), model[2].weight
    channels_last(model)
    assert model[2].weight is weight  # an optimiser that holds it trains it
    assert weight.is_contiguous(memory_format=LAST)
    assert not weight.is_contiguous()
    assert model[:2](images).is_contiguous(memory_format=LAST)
    torch.testing.assert_close(model(images), before)


def test_attention_is_fused_but_where_it_is_not_to_be() -> None:
    query = torch.randn(1, 2, 16, 8)
    whole = nn.functional.scaled_dot_product_attention(query, query, query)
    with executing(deterministic=False, fused_attention=False):
        assert not torch.backends.cuda.flash_sdp_enabled()
        torch.testing.assert_close(nn.functional.scaled_dot_product_attention(query, query, query), whole)
    assert torch.backends.cuda.flash_sdp_enabled()


def test_settings_end_with_the_block_that_fails() -> None:
    with pytest.raises(ValueError, match="within"), executing(deterministic=True, fused_attention=False):
        raise ValueError("within")
    assert torch.backends.cuda.flash_sdp_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_run_in_another_execution_has_the_same_losses(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain, other = Attentive(), Attentive()
    other.load_state_dict(plain.state_dict())
    fit(TRAINER, tmp_path / "plain", model=plain)
    best = fit(replace(TRAINER, channels_last=True, fused_attention=False), tmp_path / "other", model=other)
    assert losses(tmp_path / "plain") == pytest.approx(losses(tmp_path / "other"), rel=1e-4)
    assert (set(plain.flash), set(other.flash)) == ({True}, {False})
    assert other.conv.weight.is_contiguous(memory_format=LAST)
    assert torch.equal(read_weights(best / "model.safetensors")["conv.weight"], other.conv.weight)


def test_a_run_may_be_continued_in_another_execution(tmp_path: Path) -> None:
    begun = {"trainer": {"steps": 3, "gradient_checkpointing": False}}  # before there were the other two
    now = {"trainer": {"steps": 3, "gradient_checkpointing": True, "channels_last": True, "fused_attention": False}}
    check_same(tmp_path, begun, now)
    with pytest.raises(InputError, match=r"trainer\.steps=3, not 4"):
        check_same(tmp_path, begun, {"trainer": {**now["trainer"], "steps": 4}})
