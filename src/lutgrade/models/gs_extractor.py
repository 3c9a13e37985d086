"""GS-Extractor: the features of a frame that tell how it is graded (VCG, arXiv 2508.00548)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.reference_attention import Banks, Tap, add_reference_attention, ordered_blocks, record_banks
from lutgrade.models.stable_diffusion import make_unet


class GSExtractor(nn.Module):
    """SD 1.5's U-Net, read at the norm1 of its transformer blocks; VCG's GS-Extractor.

    What has no effect on the banks is left out, as published: all behind norm1 of the last attention.

    Args:
        unet: changes to SD 1.5's U-Net, as arguments of diffusers' `UNet2DConditionModel`.

    Raises:
        InputError: the U-Net's up blocks have no attention.
    """

    def __init__(self, **unet: Any) -> None:
        super().__init__()
        self.unet = make_unet(**unet)
        self.blocks = ordered_blocks(self.unet)  # names of the banks, in pairing order
        _strip(self.unet)
        add_reference_attention(self.unet)

    def forward(self, latents: Tensor, context: Tensor | None, wanted: Collection[str] | None = None) -> Banks:
        """The banks of latents `[B, 4, h, w]` and image tokens `[B, tokens, 768]`: `[B, tokens, channels]` by block.

        Those of the blocks that are `wanted`, by default of all; what lies behind them is not computed.
        """
        return record_banks(self.unet, latents, 0, context, wanted)  # the timestep of an image without noise

    def difference(
        self,
        reference: Tensor,
        source: Tensor,
        reference_context: Tensor | None = None,
        source_context: Tensor | None = None,
    ) -> Banks:
        """C = G(reference) - G(source) (Eq. 4) of latents and contexts as in `forward`, in one pass over both."""
        if reference_context is None or source_context is None:
            if reference_context is not source_context:
                raise InputError("the reference and the source need tokens both, or neither")
            context = None
        else:
            context = torch.cat([reference_context, source_context])
        halves = {name: bank.chunk(2) for name, bank in self(torch.cat([reference, source]), context).items()}
        return {name: of_reference - of_source for name, (of_reference, of_source) in halves.items()}

    def enable_gradient_checkpointing(self) -> None:
        """Trades time for memory in training."""
        self.unet.enable_gradient_checkpointing()


def _strip(unet: Any) -> None:
    """Takes out what lies behind norm1 of the last attention; in its place the tokens pass unchanged."""
    with_attention = [i for i, block in enumerate(unet.up_blocks) if getattr(block, "has_cross_attention", False)]
    if not with_attention:
        raise InputError("a GS-Extractor needs attention in the up blocks of its U-Net")
    unet.up_blocks = unet.up_blocks[: with_attention[-1] + 1]
    unet.up_blocks[-1].upsamplers = None
    last = unet.up_blocks[-1].attentions[-1]
    last.proj_out = nn.Identity()
    block = last.transformer_blocks[-1]
    name = next(name for name, module in unet.named_modules() if module is block)
    block.attn1, block.attn2 = Tap(name), None
    block.norm2, block.norm3, block.ff = nn.Identity(), nn.Identity(), nn.Identity()
    unet.conv_norm_out, unet.conv_out = None, nn.Identity()
