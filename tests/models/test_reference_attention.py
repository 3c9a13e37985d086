"""Reference attention against the published networks stated again in plain functions, and as a part."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.reference_attention import (
    Banks,
    add_reference_attention,
    ordered_blocks,
    pair,
    read_banks,
    record_banks,
)
from lutgrade.models.stable_diffusion import make_unet
from models.naive_unet import GROUPS, HEADS, NaiveUNet, random_state

WIDTHS = (8, 16, 32, 32)
SMALL = {
    "block_out_channels": WIDTHS,
    "norm_num_groups": GROUPS,
    "attention_head_dim": HEADS,
    "cross_attention_dim": 6,
    "layers_per_block": 1,
}


def filled(module: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Random weights for a module, which takes them, and they themselves."""
    state = random_state({key: tuple(value.shape) for key, value in module.state_dict().items()}, seed)
    module.load_state_dict(state)
    return state


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def close(ours: Tensor, naive: Tensor) -> None:
    assert (ours - naive).abs().max() <= 2e-4 * naive.std()


@pytest.fixture(scope="module")
def extractor() -> GSExtractor:
    extractor = GSExtractor(**SMALL).eval().requires_grad_(False)
    filled(extractor.unet, 1)
    return extractor


@pytest.fixture(scope="module")
def banks(extractor: GSExtractor) -> Banks:
    return extractor(randn(3, 2, 4, 16, 16), randn(4, 2, 1, 6))


def test_the_banks_are_the_published_ones(extractor: GSExtractor, banks: Banks) -> None:
    naive = NaiveUNet(extractor.unet.state_dict())
    naive(randn(3, 2, 4, 16, 16), 0, randn(4, 2, 1, 6))
    assert banks.keys() == naive.banks.keys()
    for name, bank in banks.items():
        close(bank, naive.banks[name])


def test_banks_come_by_decreasing_width_down_up_mid(banks: Banks) -> None:
    short = [
        name.removesuffix(".transformer_blocks.0").replace("_blocks.", "").replace(".attentions.", "-")
        for name in banks
    ]
    assert short == [
        "down2-0",
        "up1-0",
        "up1-1",
        "mid_block-0",
        "down1-0",
        "up2-0",
        "up2-1",
        "down0-0",
        "up3-0",
        "up3-1",
    ]
    assert [tuple(bank.shape[1:]) for bank in banks.values()][:5] == [(16, 32), (16, 32), (16, 32), (4, 32), (64, 16)]


@pytest.mark.parametrize("wanted", ["down_blocks.2.attentions.0", "up_blocks.1.attentions.1"])
def test_what_lies_behind_the_wanted_banks_is_not_computed(extractor: GSExtractor, banks: Banks, wanted: str) -> None:
    entered: list[str] = []
    parts = {"mid": extractor.unet.mid_block, "last": extractor.unet.up_blocks[-1]}
    handles = [
        part.register_forward_pre_hook(lambda *_, name=name: entered.append(name))
        for name, part in parts.items()  # type: ignore[misc]
    ]
    names = {f"{wanted}.transformer_blocks.0", "down_blocks.0.attentions.0.transformer_blocks.0"}
    found = extractor(randn(3, 2, 4, 16, 16), randn(4, 2, 1, 6), names)
    for handle in handles:
        handle.remove()
    assert list(found) == [name for name in banks if name in names]
    for name, bank in found.items():
        assert torch.equal(bank, banks[name])
    assert entered == (["mid"] if wanted.startswith("up") else [])


def test_a_reader_of_the_same_blocks_matches_the_published_one(banks: Banks) -> None:
    unet = make_unet(in_channels=8, **SMALL).eval().requires_grad_(False)
    add_reference_attention(unet)
    state = filled(unet, 2)
    x, context = randn(5, 2, 8, 16, 16), randn(6, 2, 1, 6)
    naive = NaiveUNet(state, banks)(x, 7, context)
    assert naive is not None
    close(read_banks(unet, x, 7, context, pair(banks, ordered_blocks(unet), "name")), naive)
    close(read_banks(unet, x, 7, context, pair(banks, ordered_blocks(unet), "order")), naive)
    alone = NaiveUNet(state)(x, 7, context)
    assert alone is not None
    close(read_banks(unet, x, 7, context, {}), alone)
    assert (alone - naive).abs().max() > 0.1 * naive.std()


def test_the_first_bank_goes_to_a_reader_of_one_block(banks: Banks) -> None:
    blocks = {"down_block_types": ("DownBlock2D",) * 4, "up_block_types": ("UpBlock2D",) * 4}
    unet = make_unet(**{**SMALL, **blocks, "in_channels": 6, "out_channels": 3, "cross_attention_dim": WIDTHS[-1]})
    unet.eval().requires_grad_(False)
    add_reference_attention(unet)
    state = filled(unet, 2)
    readers, x = ordered_blocks(unet), randn(5, 2, 6, 16, 16)
    assert readers == ["mid_block.attentions.0.transformer_blocks.0"]
    bank = banks["down_blocks.2.attentions.0.transformer_blocks.0"]
    assert pair(banks, readers)[readers[0]] is bank
    naive = NaiveUNet(state, {readers[0]: bank})(x, 961, None)  # its attn2 has no context: self-attention
    assert naive is not None
    close(read_banks(unet, x, 961, None, pair(banks, readers)), naive)


def test_nothing_is_left_behind_by_a_pass_that_fails(extractor: GSExtractor, banks: Banks) -> None:
    unet = make_unet(**SMALL).eval().requires_grad_(False)
    add_reference_attention(unet)
    x, context = randn(5, 2, 4, 16, 16), randn(6, 2, 1, 6)
    before = read_banks(unet, x, 7, context, {})
    paired = pair(banks, ordered_blocks(unet), "name")
    wrong = {name: bank[:1].expand(3, -1, -1) for name, bank in paired.items()}  # three for a batch of two
    with pytest.raises(RuntimeError):
        read_banks(unet, x, 7, context, wrong)
    assert torch.equal(read_banks(unet, x, 7, context, {}), before)


def test_one_bank_serves_a_batch(banks: Banks) -> None:
    unet = make_unet(**SMALL).eval().requires_grad_(False)
    add_reference_attention(unet)
    x, context = randn(5, 2, 4, 16, 16), randn(6, 2, 1, 6)
    one = {name: bank[:1] for name, bank in pair(banks, ordered_blocks(unet), "name").items()}
    two = {name: bank.expand(2, -1, -1) for name, bank in one.items()}
    assert torch.equal(read_banks(unet, x, 7, context, one), read_banks(unet, x, 7, context, two))


def test_banks_that_do_not_fit_are_refused(banks: Banks) -> None:
    unet = make_unet(**SMALL)
    add_reference_attention(unet)
    readers = ordered_blocks(unet)
    with pytest.raises(InputError, match="32 channels wide, its bank 8"):
        read_banks(unet, randn(5, 2, 4, 16, 16), 7, randn(6, 2, 1, 6), pair(dict(reversed(banks.items())), readers))
    with pytest.raises(InputError, match=r"no bank for the block down_blocks\.2"):
        pair({}, readers, "name")


def test_gradient_checkpoints_change_no_gradient() -> None:
    torch.manual_seed(0)
    extractor, unet = GSExtractor(**SMALL), make_unet(**SMALL)
    add_reference_attention(unet)
    networks = torch.nn.ModuleList([extractor, unet])

    def gradients() -> list[Tensor]:
        networks.zero_grad()
        banks = pair(extractor(randn(3, 2, 4, 8, 8), randn(4, 2, 1, 6)), ordered_blocks(unet), "name")
        read_banks(
            unet, randn(5, 2, 4, 8, 8), torch.tensor([3, 500]), randn(6, 2, 1, 6), banks
        ).square().mean().backward()
        return [p.grad.clone() for p in networks.parameters() if p.grad is not None]

    plain = gradients()
    assert len(plain) == len(list(networks.parameters()))  # nothing is behind the last bank
    extractor.enable_gradient_checkpointing()
    unet.enable_gradient_checkpointing()
    for ours, wanted in zip(gradients(), plain, strict=True):
        torch.testing.assert_close(ours, wanted)


ONE_LEVEL = {
    "block_out_channels": (8,),
    "down_block_types": ("CrossAttnDownBlock2D",),
    "up_block_types": ("CrossAttnUpBlock2D",),
}


@pytest.mark.slow
def test_recording_and_reading_compile_into_one_graph_each() -> None:
    unet = make_unet(**SMALL | ONE_LEVEL).eval().requires_grad_(False)
    add_reference_attention(unet)
    x, context = randn(5, 2, 4, 16, 16), randn(6, 2, 1, 6)
    recorded = record_banks(unet, x, 0, context)
    read = read_banks(unet, x, 7, context, recorded)
    assert not torch.equal(read, read_banks(unet, x, 7, context, {}))
    torch.compiler.reset()  # what other tests compiled of the same code counts towards the limit of recompilations
    unet.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(read_banks(unet, x, 7, context, recorded), read)
    for name, bank in record_banks(unet, x, 0, context).items():
        torch.testing.assert_close(bank, recorded[name])
