"""Published states as ours: every key accounted for, and the numbers of the published code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.importing import KINDS, account, from_released
from lutgrade.lut import identity_table
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.lut_image import to_image
from lutgrade.models.reference_attention import ordered_blocks, pair, read_banks
from models.naive_unet import GROUPS, HEADS, NaiveUNet, naive_ddim, random_state

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "notes" / "released-checkpoints"
WIDTHS = (8, 16, 32, 32)
SMALL = {"block_out_channels": WIDTHS, "norm_num_groups": GROUPS, "attention_head_dim": HEADS}
CONFIGS = {
    "vcg-gs-extractor": {**SMALL, "cross_attention_dim": 6},
    "vcg-editor": {**SMALL, "cross_attention_dim": 6},
    "vcg-ldiffuser": {**SMALL, "cross_attention_dim": WIDTHS[-1]},
}


def keys(name: str) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of every published key."""
    path = PUBLISHED / f"{name}.keys.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {
        key: (() if shape == "scalar" else tuple(map(int, shape.split("x"))), getattr(torch, dtype))
        for key, shape, dtype in rows
    }


def blank(name: str, device: str) -> dict[str, Tensor]:
    return {key: torch.zeros(shape, dtype=dtype, device=device) for key, (shape, dtype) in keys(name).items()}


def small_state(kind: str, seed: int) -> dict[str, Tensor]:
    """Random weights under the published keys, at a small width."""
    with torch.device("meta"):
        model = KINDS[kind].build(**CONFIGS[kind])
    prefix = "unet." if kind == "vcg-gs-extractor" else ""
    shapes = {key.removeprefix(prefix): tuple(value.shape) for key, value in model.state_dict().items()}
    return random_state(shapes, seed)


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["vcg-gs-extractor", "vcg-editor", "vcg-ldiffuser", "nlut"])
def test_every_published_key_of_full_size_has_its_place(kind: str) -> None:
    state = blank(kind.replace("-", "_"), "cpu" if kind == "nlut" else "meta")
    report = account(kind, state)
    assert report.used.keys() == state.keys()
    assert not report.ignored
    assert not report.missing


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_small_state_has_the_published_keys(kind: str) -> None:
    assert small_state(kind, 0).keys() == keys(kind.replace("-", "_")).keys()


def test_full_sizes_and_banks_are_the_published_ones() -> None:
    path = PUBLISHED / "vcg_full_size.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    facts = json.loads(path.read_text(encoding="utf-8"))
    with torch.device("meta"):
        models = {
            kind: KINDS[f"vcg-{kind.replace('_', '-')}"].build() for kind in ("gs_extractor", "editor", "ldiffuser")
        }
        extractor = models["gs_extractor"]
        assert isinstance(extractor, GSExtractor)
        banks = extractor(torch.empty(1, 4, 64, 64), torch.empty(1, 1, 768))
        drawn = models["ldiffuser"](torch.empty(1, 6, 64, 64), 961, None).sample
    for kind, model in models.items():
        assert sum(p.numel() for p in model.parameters()) == facts[kind]["values"]
    assert [[name, list(bank.shape)] for name, bank in banks.items()] == facts[
        "gs_banks_for_64x64_latents_in_pairing_order"
    ]
    assert ordered_blocks(models["editor"]) == facts["editor_reader_blocks"]  # type: ignore[arg-type]
    assert ordered_blocks(models["ldiffuser"]) == facts["ldiffuser_reader_blocks"]  # type: ignore[arg-type]
    assert list(drawn.shape) == facts["ldiffuser_out_shape"]


def test_stage_2_gives_the_published_numbers_at_every_step() -> None:
    gs_state, state = small_state("vcg-gs-extractor", 1), small_state("vcg-ldiffuser", 2)
    extractor = from_released("vcg-gs-extractor", gs_state, **CONFIGS["vcg-gs-extractor"]).model.requires_grad_(False)
    unet = from_released("vcg-ldiffuser", state, **CONFIGS["vcg-ldiffuser"]).model.requires_grad_(False)
    assert isinstance(extractor, GSExtractor)
    reference, source, tokens = randn(3, 1, 4, 16, 16), randn(4, 1, 4, 16, 16), randn(5, 2, 1, 6)
    start, identity = randn(6, 1, 3, 64, 64), to_image(identity_table(16))[None]

    naive = NaiveUNet(gs_state)
    naive(torch.cat([reference, source]), 0, tokens)
    told = {name: bank[:1] - bank[1:] for name, bank in naive.banks.items()}
    banks = extractor.difference(reference, source, tokens[:1], tokens[1:])
    for name, bank in banks.items():
        assert (bank - told[name]).abs().max() <= 2e-4 * told[name].std()

    # Its one attention, in the middle, reads the first bank of the widest blocks.
    read = {"mid_block.attentions.0.transformer_blocks.0": told["down_blocks.2.attentions.0.transformer_blocks.0"]}
    network = NaiveUNet(state, read)
    wanted = naive_ddim(lambda x, t: network(torch.cat([x, identity], 1), t, None), start)
    paired = pair(banks, ordered_blocks(unet))  # type: ignore[arg-type]

    def predict(noisy: Tensor, timestep: Tensor) -> Tensor:
        return read_banks(unet, torch.cat([noisy, identity], 1), timestep, None, paired)  # type: ignore[arg-type]

    ours = list(Diffusion("epsilon", "linear").trajectory(predict, start, 25))
    assert len(ours) == len(wanted) == 25
    for latents, naive_latents in zip(ours, wanted, strict=True):
        assert (latents - naive_latents).abs().max() <= 5e-4 * naive_latents.std()


def test_the_model_keeps_nothing_of_the_state_it_was_given() -> None:
    state = {key: value.half() for key, value in small_state("vcg-editor", 0).items()}
    model, report = from_released("vcg-editor", state, **CONFIGS["vcg-editor"])
    assert report.used.keys() == state.keys()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    state["conv_in.bias"].zero_()
    assert model.get_parameter("conv_in.bias").abs().sum() > 0


def test_what_does_not_fit_is_listed() -> None:
    state = small_state("vcg-gs-extractor", 0)
    state["conv_out.weight"] = torch.zeros(4, 8, 3, 3)  # of a U-Net that was not stripped
    state["position_net.weight"] = torch.zeros(2)
    state["conv_in.weight"] = torch.zeros(8, 8, 3, 3)
    del state["conv_in.bias"]
    report = account("vcg-gs-extractor", state, **CONFIGS["vcg-gs-extractor"])
    assert set(report.used) | set(report.ignored) == set(state)
    assert not set(report.used) & set(report.ignored)
    assert report.ignored == {
        "conv_out.weight": "it lies behind the last bank, where nothing reads it",
        "position_net.weight": "no weight of ours",
        "conv_in.weight": "its shape [8, 8, 3, 3] is not [8, 4, 3, 3]",
    }
    assert sorted(report.missing) == ["unet.conv_in.bias", "unet.conv_in.weight"]
    assert "3 ignored, 2 missing" in str(report)
    with pytest.raises(InputError, match=r"2 missing, as unet\.conv_in\.(weight|bias)"):
        from_released("vcg-gs-extractor", state, **CONFIGS["vcg-gs-extractor"])


def test_weights_of_another_shape_are_refused_in_a_line() -> None:
    state = blank("nlut", "cpu")
    state["encoder.enc_1.0.weight"] = torch.zeros(3, 4, 1, 1)
    with pytest.raises(InputError, match="a weight is not of its published shape: shape") as error:
        from_released("nlut", state)
    assert "\n" not in str(error.value)


def test_a_state_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="not the whole state of a vcg-editor"):
        from_released("vcg-editor", small_state("vcg-ldiffuser", 0), **CONFIGS["vcg-editor"])
    with pytest.raises(InputError, match="not the whole state of a nlut"):
        from_released("nlut", {})
    with pytest.raises(InputError, match="unknown kind 'vgc'"):
        from_released("vgc", {})
