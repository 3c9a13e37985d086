"""Reference attention: one U-Net's features read into the self-attention of another (VCG, arXiv 2508.00548).

The writer keeps the output of norm1 of each transformer block, which is what its self-attention sees: the *banks*.
The reader's self-attention takes a bank's tokens as keys and values behind its own. Both are attention processors of
diffusers that are put in once; banks travel as arguments of a forward pass, so nothing is left behind by one that
fails, and a gradient checkpoint recomputes what it computed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

Banks = dict[str, Tensor]  # by the writer's block, in the order of `ordered_blocks`: [B, tokens, channels]
Pairing = Literal["order", "name"]
T = TypeVar("T")


class _AllRecorded(Exception):
    """Ends a forward pass that has given all that was wanted of it."""


class ReferenceProcessor:
    """An attention processor that can record the tokens it is given, and read a bank behind them.

    Args:
        attend: what computes the attention; diffusers' own.
        block: name of the transformer block whose self-attention this is; None for cross-attention, which is left
            as it is.
    """

    def __init__(self, attend: Any, block: str | None) -> None:
        self.attend, self.block = attend, block

    def __call__(  # diffusers passes on the arguments that it finds named here
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        banks: Banks | None = None,
        record: Banks | None = None,
        wanted: frozenset[str] | None = None,
    ) -> Tensor:
        """Tokens `[B, N, C]` to the same, from a forward pass with these `cross_attention_kwargs`.

        Args:
            attn: what the processor belongs to, and the four behind it: as diffusers passes them.
            hidden_states, encoder_hidden_states, attention_mask, temb: as above.
            banks: to read.
            record: where the tokens are put.
            wanted: banks after which the pass ends; None completes it.
        """
        if self.block is not None and record is not None:
            record.setdefault(self.block, hidden_states)  # a gradient checkpoint comes by a second time
            if wanted is not None and wanted <= record.keys():
                raise _AllRecorded
        if self.block is not None and banks is not None and self.block in banks:
            bank = banks[self.block].to(hidden_states).expand(len(hidden_states), -1, -1)
            encoder_hidden_states = torch.cat([hidden_states, bank], dim=1)
        return self.attend(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


class Tap(nn.Module):
    """Stands where a self-attention was taken out: records the tokens and passes them on."""

    def __init__(self, block: str) -> None:
        super().__init__()
        self.block = block

    def forward(self, hidden_states: Tensor, *, record: Banks | None = None, **others: Any) -> Tensor:
        """Tokens `[B, N, C]`, returned as they are."""
        if record is not None:
            record.setdefault(self.block, hidden_states)
        return hidden_states


def add_reference_attention(unet: UNet2DConditionModel) -> None:
    """Lets the self-attention of every transformer block record and read; changes no weight and no output."""
    blocks = {f"{name}.attn1.processor": name for name in ordered_blocks(unet)}
    processors: Any = {name: ReferenceProcessor(own, blocks.get(name)) for name, own in unet.attn_processors.items()}
    unet.set_attn_processor(processors)


def ordered_blocks(unet: UNet2DConditionModel) -> list[str]:
    """Names of the transformer blocks: down, up, then mid, stably sorted by decreasing width, as published.

    Every block is named as its module is: `down_blocks.2.attentions.0.transformer_blocks.0`.
    """
    from diffusers.models.attention import BasicTransformerBlock

    found = {name: block for name, block in unet.named_modules() if isinstance(block, BasicTransformerBlock)}
    spatial = [name for name in found if ".attentions." in name]  # attention over time has other names
    names = [name for part in ("down", "up", "mid") for name in spatial if name.startswith(part)]
    return sorted(names, key=lambda name: -_width(found[name]))


def pair(banks: Mapping[str, T], readers: Sequence[str], by: Pairing = "order") -> dict[str, T]:
    """The banks, or what else there is of each, under the names of the blocks that read them.

    Args:
        banks: by the writer's block, in the order of its `ordered_blocks`.
        readers: blocks of the reader, in the order of its `ordered_blocks`.
        by: "order", as published, gives the first reader the first bank, and so on as far as both go; "name" gives
            each reader the bank of the block of its name.

    Raises:
        InputError: by name, a reader has no bank.
    """
    if by == "order":
        return dict(zip(readers, banks.values(), strict=False))
    missing = [name for name in readers if name not in banks]
    if missing:
        raise InputError(f"the features have no bank for the block {missing[0]}; pair them by order")
    return {name: banks[name] for name in readers}


def record_banks(
    unet: UNet2DConditionModel,
    sample: Tensor,
    timestep: Tensor | int,
    context: Tensor | None,
    wanted: Collection[str] | None = None,
) -> Banks:
    """The banks of one forward pass: of every transformer block the output of norm1, in pairing order.

    Args:
        unet: prepared by `add_reference_attention`.
        sample: `[B, C, h, w]`.
        timestep: one for all, or `[B]`.
        context: `[B, tokens, cross_attention_dim]`, or None where the U-Net has no cross-attention.
        wanted: the blocks whose banks are given, with the last of which the pass ends; None for all.
    """
    record: Banks = {}
    recording: dict[str, Any] = {"record": record}
    if wanted is not None:
        recording["wanted"] = frozenset(wanted)
    with suppress(_AllRecorded):
        unet(sample, timestep, encoder_hidden_states=context, cross_attention_kwargs=recording)
    return {name: record[name] for name in ordered_blocks(unet) if wanted is None or name in wanted}


def read_banks(
    unet: UNet2DConditionModel, sample: Tensor, timestep: Tensor | int, context: Tensor | None, banks: Banks
) -> Tensor:
    """The U-Net's output `[B, out, h, w]`, where the self-attention of the blocks named in `banks` sees these too.

    Args:
        unet: prepared by `add_reference_attention`.
        sample: `[B, C, h, w]`.
        timestep: one for all, or `[B]`.
        context: as for `record_banks`.
        banks: by the reader's blocks (`pair`), `[B, tokens, channels]`, or `[1, ...]` for the whole batch.

    Raises:
        InputError: a bank is not as wide as its block.
    """
    for name, bank in banks.items():
        width = _width(unet.get_submodule(name))
        if bank.shape[-1] != width:
            raise InputError(f"{name} is {width} channels wide, its bank {bank.shape[-1]}; another pairing may fit")
    return unet(sample, timestep, encoder_hidden_states=context, cross_attention_kwargs={"banks": banks}).sample


def _width(block: nn.Module) -> int:
    """Channels of a transformer block."""
    return cast(nn.LayerNorm, block.norm1).normalized_shape[0]
