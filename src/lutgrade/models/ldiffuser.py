"""L-Diffuser: a U-Net that draws a LUT as an image, told by the features of a pair (VCG, arXiv 2508.00548)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.conditions import BankCondition
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.lut_diffusion import Condition, LutDiffusion
from lutgrade.models.lut_image import image_side, to_image, to_table
from lutgrade.models.reference_attention import Pairing, add_reference_attention, ordered_blocks, pair, read_banks
from lutgrade.models.stable_diffusion import load_part, make_unet, start_from, start_gaussian
from lutgrade.weights import read_all

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

UNET: Mapping[str, Any] = {  # SD 1.5's without its attention, but for the middle, where cross-attention sees itself
    "in_channels": 6,
    "out_channels": 3,
    "down_block_types": ("DownBlock2D",) * 4,
    "up_block_types": ("UpBlock2D",) * 4,
    "cross_attention_dim": 1280,
}


def lut_unet(**changes: Any) -> UNet2DConditionModel:
    """The published L-Diffuser's U-Net with random weights, whose self-attention can read banks; 628.4 M parameters.

    Only the middle block has attention. `changes` are arguments of diffusers' `UNet2DConditionModel`.
    """
    unet = make_unet(**{**UNET, **changes})
    add_reference_attention(unet)
    return unet


class LDiffuser(LutDiffusion):
    """Draws the residual of a LUT as an image, by a U-Net that attends to features of the pair; VCG's L-Diffuser.

    The U-Net sees the noisy residual beside the identity LUT (Eq. 5); its self-attention reads the banks of
    C = G(reference) - G(content) (Eq. 4).

    Args:
        reader: the condition encoder; VCG's is the GS-Extractor.
        diffusion: the noise schedule, and what is predicted.
        size: nodes a side of the LUT, which must fill a square image; 16 in the paper.
        scale: what residuals are multiplied by. 1 as published; 1 over their deviation, about 5, makes them of unit
            variance, for which noise schedules are made.
        unet: changes to the published U-Net, as arguments of diffusers' `UNet2DConditionModel`.
        weights: what training starts from: "gaussian" for random weights, as the paper says, or a folder or
            repository of Stable Diffusion, whose U-Net is copied wherever shapes match, as the published script does;
            None for torch's own random weights.
        pairing: of the banks with the blocks that read them. "order", as published, gives the middle block, the only
            one with attention, the bank of `down_blocks.2.attentions.0`; "name" gives each block that of its name.
        sampling: steps, samples, temperature, guidance, dropout and seed of `LutDiffusion`.
    """

    def __init__(
        self,
        reader: BankCondition,
        diffusion: Diffusion,
        *,
        size: int = 16,
        scale: float = 1.0,
        unet: Mapping[str, Any] | None = None,
        weights: str | None = None,
        pairing: Pairing = "order",
        **sampling: Any,
    ) -> None:
        side = image_side(size)
        super().__init__(diffusion, (3, side, side), **sampling)
        self.size, self.scale, self.weights = size, scale, weights
        self.reader = reader
        self.unet = lut_unet(sample_size=side, **(unet or {}))
        self.blocks = ordered_blocks(self.unet)
        if not self.blocks:
            raise InputError("an L-Diffuser needs attention in its U-Net, to read the condition")
        self.sources = pair({name: name for name in reader.names}, self.blocks, pairing)  # the bank of each block
        reader.wanted = set(self.sources.values())  # as published, one of 16

    def initialise(self) -> None:
        """Starts from the weights that are named.

        Raises:
            MissingWeights: they are not on this machine; says what to get and where it goes.
        """
        read_all(self.reader.initialise, self._start)

    def _start(self) -> None:
        if self.weights == "gaussian":
            start_gaussian(self.unet)
        elif self.weights is not None:
            start_from(self.unet, load_part("unet", self.weights).state_dict(), "random")

    def encode(self, tables: Tensor, content: Tensor) -> Tensor:
        """Tables `[B, 3, S, S, S]` of any size, whatever they grade, to scaled residuals `[B, 3, side, side]`."""
        return to_image(self.scale * Lut(tables).resize(self.size).residual())

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled residuals `[B, 3, side, side]` to tables `[B, 3, S, S, S]`, not clamped."""
        residual = to_table(latents) / self.scale
        return identity_table(self.size, device=residual.device) + residual

    def condition(self, content: Tensor, reference: Tensor) -> Condition:
        """C (Eq. 4) of images `[B, 3, H, W]`, by the block of the U-Net that reads it: `[B, tokens, channels]`."""
        banks = self.reader(content, reference)
        return {block: banks[source] for block, source in self.sources.items()}

    def denoise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """Eq. 5's network on scaled residuals `[B, 3, side, side]` at timesteps `[B]`."""
        identity = to_image(identity_table(self.size, dtype=noisy.dtype, device=noisy.device))
        image = torch.cat([noisy, identity.expand_as(noisy)], dim=1)
        return read_banks(self.unet, image, timestep, None, condition).float()

    def compile(self, *args: Any, **options: Any) -> None:
        """Compiles the U-Net, which is what takes the time."""
        self.unet.compile(*args, **options)

    def enable_gradient_checkpointing(self) -> None:
        """Trades time for memory in training."""
        self.unet.enable_gradient_checkpointing()
