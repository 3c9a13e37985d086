"""The L-Diffuser at small width: what it is told, what it draws, and training on one batch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lutgrade.checkpoints import save_checkpoint
from lutgrade.errors import InputError
from lutgrade.lut import identity_table
from lutgrade.models.conditions import BankCondition, DescriptorDifference, StyleDifference
from lutgrade.models.descriptors import RgbUvHistogram
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.frames import PixelCodec
from lutgrade.models.ldiffuser import LDiffuser, lut_unet
from lutgrade.models.lut_image import to_image
from lutgrade.objectives.lut_diffusion import LutDenoising
from lutgrade.weights import MissingWeights
from models.learned import graded_sample, pictures, small_encoder, train

WIDTH = 16
UNET: dict[str, Any] = {
    "block_out_channels": (8, WIDTH),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 2,
}
EXTRACTOR = UNET | {
    "in_channels": 3,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 12,
}
DRAWER = UNET | {
    "down_block_types": ("DownBlock2D",) * 2,
    "up_block_types": ("UpBlock2D",) * 2,
    "cross_attention_dim": WIDTH,
}
UNIT = Diffusion(prediction="v_prediction", zero_terminal_snr=True, spacing="trailing")


def style(**options: Any) -> StyleDifference:
    return StyleDifference(PixelCodec(16, grid=2), EXTRACTOR, **options)


def ldiffuser(reader: BankCondition | None = None, **options: Any) -> LDiffuser:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"diffusion": UNIT, "size": 9, "scale": 5.0, "unet": DRAWER, "steps": 4, **options}
    return LDiffuser(reader or style(frozen=False), **settings)


def test_the_published_one_has_as_many_weights() -> None:
    with torch.device("meta"):
        unet = lut_unet()
    assert sum(p.numel() for p in unet.parameters()) == 628_356_163
    assert len(unet.state_dict()) == 296


def test_the_middle_block_alone_reads_the_first_bank() -> None:
    model = ldiffuser()
    assert model.blocks == ["mid_block.attentions.0.transformer_blocks.0"]
    told = model.condition(pictures(0), pictures(1))
    banks = model.reader(pictures(0), pictures(1))
    first = next(iter(banks))
    assert first == "down_blocks.1.attentions.0.transformer_blocks.0"
    assert list(told) == model.blocks
    assert torch.equal(told[model.blocks[0]], banks[first])
    assert list(banks) == [first] == list(style()(pictures(0), pictures(1)))[:1]  # the others are not made


def test_banks_that_its_blocks_do_not_find_are_refused() -> None:
    with pytest.raises(InputError, match=r"no bank for the block mid_block\.attentions\.0"):
        ldiffuser(DescriptorDifference(RgbUvHistogram(4, 16), WIDTH), pairing="name")


def test_the_condition_is_the_difference_of_what_is_extracted() -> None:
    reader = style()
    here, there = pictures(0), pictures(1)
    one_way, other_way = reader(here, there), reader(there, here)
    for name, bank in one_way.items():
        torch.testing.assert_close(bank, -other_way[name], rtol=0, atol=1e-5)
    assert all(bank.abs().max() < 1e-5 for bank in reader(here, here).values())


def test_kept_banks_are_those_made_anew() -> None:
    torch.manual_seed(0)
    reader = style(cached=3)
    anew = style()
    anew.load_state_dict(reader.state_dict())
    calls: list[int] = []
    reader.extractor.register_forward_hook(lambda *_: calls.append(1))
    for _ in range(2):
        for name, bank in anew(pictures(0), pictures(1)).items():
            torch.testing.assert_close(reader(pictures(0), pictures(1))[name], bank, rtol=0, atol=1e-4)
    assert len(reader._kept.results) <= 3
    reader(pictures(1), pictures(1))
    before = len(calls)
    reader(pictures(1), pictures(1))
    assert len(calls) == before


def test_in_training_tokens_are_dropped_of_both_frames_at_once() -> None:
    reader = style(context_dropout=0.5)
    told, untold = reader.eval()(pictures(0), pictures(1)), style(context_dropout=1.0)
    untold.load_state_dict(reader.state_dict())
    untold = untold.train()(pictures(0), pictures(1))
    name = list(told)[-1]  # behind a cross-attention, which sees the tokens
    torch.manual_seed(0)
    halves = [reader.train()(pictures(0), pictures(1))[name] for _ in range(12)]
    for i in range(2):
        distances = [[float((half[i] - way[name][i]).abs().max()) for way in (told, untold)] for half in halves]
        assert all(min(pair) < 1e-5 < max(pair) for pair in distances)
        assert {pair.index(min(pair)) for pair in distances} == {0, 1}
    with pytest.raises(InputError, match="cannot be kept while tokens are dropped"):
        style(context_dropout=0.1, cached=3)
    with pytest.raises(InputError, match="a share, from 0 to 1"):
        style(context_dropout=1.5)


def test_it_starts_from_gaussian_weights_where_told() -> None:
    model, plain = ldiffuser(weights="gaussian"), ldiffuser()
    before = model.unet.conv_in.weight.detach().clone()
    for each in (model, plain):
        each.initialise()
    assert not torch.equal(model.unet.conv_in.weight, before)
    assert torch.equal(plain.unet.conv_in.weight, before)


def test_an_extractor_that_is_trained_keeps_nothing() -> None:
    with pytest.raises(InputError, match="cannot be kept"):
        style(cached=3, frozen=False)


def test_stage_2_starts_from_the_extractor_of_stage_1(tmp_path: Path) -> None:
    config = {"_target_": "lutgrade.models.conditions.StyleDifference"}
    torch.manual_seed(0)
    trained = style()
    save_checkpoint(tmp_path / "best", trained, config)  # type: ignore[arg-type]
    torch.manual_seed(1)
    reader = style(checkpoint=str(tmp_path / "best"))
    reader.initialise()
    for name, value in trained.state_dict().items():
        assert torch.equal(reader.state_dict()[name], value)
    with pytest.raises(MissingWeights, match="stage 2 starts from stage 1's extractor"):
        style(checkpoint=str(tmp_path)).initialise()
    wide = EXTRACTOR | {"block_out_channels": (8, 8)}
    with pytest.raises(InputError, match="does not fit GSExtractor: Unexpected key"):
        StyleDifference(PixelCodec(16, grid=2), wide, checkpoint=str(tmp_path / "best")).initialise()
    save_checkpoint(tmp_path / "other", small_encoder(), {"_target_": "lutgrade.models.encoders.SmallEncoder"})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="other holds no GSExtractor"):
        style(checkpoint=str(tmp_path / "other")).initialise()
    (tmp_path / "best" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(InputError, match=r"cannot read .*model\.safetensors"):
        style(checkpoint=str(tmp_path / "best")).initialise()


def test_latents_are_scaled_residuals_in_the_layout_of_the_image() -> None:
    tables = torch.rand(2, 3, 9, 9, 9)
    model = ldiffuser()
    latents = model.encode(tables, pictures(0, 2))
    torch.testing.assert_close(latents, 5 * to_image(tables - identity_table(9)))
    torch.testing.assert_close(model.decode(latents), tables)
    assert model.encode(torch.rand(1, 3, 17, 17, 17), pictures(0, 1)).shape == (1, 3, 27, 27)


def test_shapes_seeds_and_samples() -> None:
    model = ldiffuser().eval()
    draw = partial(model.draw, pictures(0), pictures(1))
    three = draw(3, seed=1)
    assert three.shape == (3, 2, 3, 9, 9, 9)
    assert torch.equal(draw(3, seed=1), three)
    assert not torch.equal(draw(3, seed=2), three)
    torch.testing.assert_close(draw(1, seed=1)[0], three[0], rtol=0, atol=1e-5)
    alone = model.draw(pictures(0)[1:], pictures(1)[1:], 1, seed=1)
    torch.testing.assert_close(alone[0, 0], three[0, 1], rtol=0, atol=1e-5)
    model.samples = 3
    torch.testing.assert_close(model(pictures(0), pictures(1), seed=1).table, three.mean(0), rtol=0, atol=1e-5)


def test_the_latents_of_every_step_can_be_asked_for() -> None:
    model = ldiffuser().eval()
    *earlier, last = model.trajectory(pictures(0), pictures(1), seed=3)
    assert len(earlier) == 3
    drawn = model.decode(last[0]).clamp(0, 1)
    torch.testing.assert_close(drawn, model.draw(pictures(0), pictures(1), 1, seed=3)[0])


def test_without_temperature_every_seed_gives_the_same() -> None:
    model = ldiffuser(temperature=0.0).eval()
    assert torch.equal(model.draw(pictures(0), pictures(1), 1, seed=1), model.draw(pictures(0), pictures(1), 1, seed=2))


def test_guidance_goes_beyond_the_condition() -> None:
    plain, guided = ldiffuser().eval(), ldiffuser(guidance=2.0).eval()
    condition = plain.condition(pictures(0), pictures(1))
    noisy, timestep = torch.randn(2, 3, 27, 27), torch.tensor(500)
    told = plain._guided(condition, noisy, timestep)
    untold = plain._guided({name: torch.zeros_like(bank) for name, bank in condition.items()}, noisy, timestep)
    torch.testing.assert_close(guided._guided(condition, noisy, timestep), 2 * told - untold, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "frame", [torch.zeros(1, 3, 20, 20), torch.tensor([0.9, 0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 20, 20)]
)
def test_a_black_frame_and_a_single_colour_give_a_sane_lut(frame: Tensor) -> None:
    model = ldiffuser().eval()
    for pair in ((frame, pictures(0)[:1]), (pictures(0)[:1], frame), (frame, frame)):
        table = model(*pair).table
        assert table.isfinite().all()
        assert 0 <= float(table.min()) <= float(table.max()) <= 1


def test_stage_2_learns_one_batch() -> None:
    torch.manual_seed(0)
    batch = graded_sample()
    model = ldiffuser()
    losses = train(model, LutDenoising(draws=4), batch, steps=100, learning_rate=1e-2)
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    known = batch.lut
    drawn = model.eval()(batch.frames[:, 0], batch.reference[:, 0]).table
    assert known is not None
    identity = identity_table(9)
    assert (drawn - known).square().mean() < 0.5 * (identity - known).square().mean()


def test_descriptors_are_read_as_tokens() -> None:
    reader = DescriptorDifference(RgbUvHistogram(4, 16), WIDTH, tokens=2, hidden=8)
    model = ldiffuser(reader).eval()
    (bank,) = model.condition(pictures(0), pictures(1)).values()
    assert bank.shape == (2, 2, WIDTH)
    assert model(pictures(0), pictures(1)).table.isfinite().all()
