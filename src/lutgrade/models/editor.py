"""The image editor of stage 1: a frame regraded to a reference by diffusion, which teaches the GS-Extractor (VCG)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.frames import FrameCodec, clean, resized
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.pixels import check_images
from lutgrade.models.reference_attention import (
    Banks,
    Pairing,
    add_reference_attention,
    ordered_blocks,
    pair,
    read_banks,
)
from lutgrade.models.stable_diffusion import Widened, load_part, make_unet, start_from
from lutgrade.weights import read_all

MULTIPLE = 8  # of latents, that a U-Net of four levels halves three times


class ImageEditor(nn.Module):
    """A diffusion model that regrades a frame to a reference's look; VCG's image editor.

    A U-Net denoises the target's latents beside the source's (Eq. 3); its self-attention sees the reference's banks.

    Args:
        codec: frames to latents and back, and image tokens; frozen, and no part of the state.
        diffusion: the noise schedule, and what is predicted.
        extractor: changes to SD 1.5's U-Net for the GS-Extractor, which is trained together with the editor, as
            arguments of diffusers' `UNet2DConditionModel`.
        unet: the same for the editor; its channels follow from the codec.
        weights: a folder or repository of Stable Diffusion whose U-Net both start from (`initialise`); None starts
            from random weights.
        widened: how the first layer starts, which has twice the input channels of SD's: see `start_from`.
        pairing: of the extractor's blocks with the editor's.
        scale_source: multiplies the source's latents by the codec's scale, like the target's. The published code
            forgets to.
        steps: of sampling.
        guidance: how far to go from the prediction without image tokens to the one with them; 1 needs no second pass.
        seed: of the noise that sampling starts from.
    """

    def __init__(
        self,
        codec: FrameCodec,
        diffusion: Diffusion,
        *,
        extractor: Mapping[str, Any] | None = None,
        unet: Mapping[str, Any] | None = None,
        weights: str | None = None,
        widened: Widened = "zero",
        pairing: Pairing = "name",
        scale_source: bool = True,
        steps: int = 25,
        guidance: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.codec, self.diffusion = codec, diffusion
        self.weights, self.widened, self.pairing = weights, widened, pairing
        self.scale_source, self.steps, self.guidance, self.seed = scale_source, steps, guidance, seed
        channels = {"in_channels": 2 * codec.channels, "out_channels": codec.channels}
        self.extractor = GSExtractor(**{"in_channels": codec.channels, **(extractor or {})})
        self.unet = make_unet(**{**channels, **(unet or {})})
        add_reference_attention(self.unet)
        self.blocks = ordered_blocks(self.unet)

    def initialise(self) -> None:
        """Starts from Stable Diffusion's weights, where `weights` names them, and reads the codec's.

        Raises:
            MissingWeights: they are not on this machine; says what to get and where it goes.
        """
        read_all(self._start, self.codec.initialise)

    def _start(self) -> None:
        if self.weights is not None:
            published = load_part("unet", self.weights).state_dict()
            start_from(self.extractor.unet, published, self.widened)
            start_from(self.unet, published, self.widened)

    def source_latents(self, images: Tensor) -> Tensor:
        """The latents of the frames to be edited, as the U-Net is given them."""
        latents = self.codec.encode(images)
        return latents if self.scale_source else latents / self.codec.scale

    def banks(self, latents: Tensor, context: Tensor) -> Banks:
        """G(reference) of its latents and tokens, by the editor's block that reads it."""
        return pair(self.extractor(latents, context), self.blocks, self.pairing)

    def denoise(self, noisy: Tensor, source: Tensor, timestep: Tensor, context: Tensor, banks: Banks) -> Tensor:
        """Eq. 3's network, on as many frames a reference as there are, clip by clip.

        Args:
            noisy: the target's latents with noise, `[B * T, C, h, w]`.
            source: `source_latents` `[B * T, C, h, w]`.
            timestep: `[B]`, or one for all.
            context: tokens of the reference `[B, tokens, width]`.
            banks: of `banks`.

        Returns:
            What `diffusion.prediction` says, `[B * T, C, h, w]`.
        """
        context, count = per_frame(context, len(noisy)), len(noisy)
        banks = {name: per_frame(bank, count) for name, bank in banks.items()}
        timestep = timestep if timestep.dim() == 0 else per_frame(timestep, count)
        return read_banks(self.unet, torch.cat([noisy, source], dim=1), timestep, context, banks)

    def read(self, reference: Tensor, seed: int | None = None) -> Edit:
        """What regrades frames to references `[B, 3, H, W]`; a seed stands in for the model's own."""
        reference = self.codec.fit(reference)
        latents, context = self.codec.encode(reference), self.codec.context(reference)
        blank = None if self.guidance == 1 else self.banks(latents, torch.zeros_like(context))
        return Edit(self, context, self.banks(latents, context), blank, self.seed if seed is None else seed)

    def forward(self, content: Tensor, reference: Tensor) -> Edit:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to what regrades frames.

        The content is not looked at: every frame is edited by itself. It is the reference that is read once.
        """
        check_images(content, reference)
        return self.read(reference)

    def compile(self, *args: Any, **options: Any) -> None:
        """Compiles the two U-Nets, which are what takes the time."""
        self.unet.compile(*args, **options)
        self.extractor.unet.compile(*args, **options)

    def enable_gradient_checkpointing(self) -> None:
        """Trades time for memory in training."""
        self.unet.enable_gradient_checkpointing()
        self.extractor.enable_gradient_checkpointing()


@dataclass(frozen=True)
class Edit:
    """The grade of an `ImageEditor` to a reference: no map of colours, but as one it takes frames and regrades them.

    Args:
        editor: that made it.
        context: tokens of the references `[B, tokens, width]`.
        banks: of the references.
        blank: the same without the tokens, where there is guidance.
        seed: of the noise.
    """

    editor: ImageEditor
    context: Tensor
    banks: Banks
    blank: Banks | None
    seed: int

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Frames `[B, 3, H, W]`, sRGB-encoded in [0, 1], regraded, at their size; a reference each, or one for all."""
        height, width = image.shape[-2:]
        *_, latents = self.trajectory(image)
        return resized(self.editor.codec.decode(latents), height, width).to(image.dtype)

    @torch.no_grad()
    def trajectory(self, image: Tensor) -> Iterator[Tensor]:
        """The latents of the edited frames, `[B, C, h, w]`, after each step of sampling.

        Raises:
            InputError: the frames cannot be shared out among the references.
        """
        editor = self.editor
        if len(image) % len(self.context):
            raise InputError(f"{len(image)} frames cannot be shared out among {len(self.context)} references")
        source = editor.source_latents(resized(clean(image), *self._working_size(image)))
        generator = torch.Generator().manual_seed(self.seed)
        # The same noise for every frame, so that neither a batch nor its order changes one.
        noise = torch.randn(source.shape[1:], generator=generator).to(source).expand_as(source)
        yield from editor.diffusion.trajectory(lambda x, step: self._predict(x, source, step), noise, editor.steps)

    @property
    def lut(self) -> NoReturn:
        """None: raises an InputError where a LUT is asked for."""
        raise InputError("an image editor edits pixels and gives no LUT; score it with scripts/evaluate.py rows=[...]")

    def _predict(self, noisy: Tensor, source: Tensor, timestep: Tensor) -> Tensor:
        told = self.editor.denoise(noisy, source, timestep, self.context, self.banks)
        if self.blank is None:
            return told
        untold = self.editor.denoise(noisy, source, timestep, torch.zeros_like(self.context), self.blank)
        return untold + self.editor.guidance * (told - untold)

    def _working_size(self, image: Tensor) -> tuple[int, int]:
        """The frame's shape with the codec's size as its shorter side, in steps that the U-Net can halve."""
        step, short = self.editor.codec.factor * MULTIPLE, self.editor.codec.size
        scale = short / min(image.shape[-2:])
        rows, columns = (max(step, round(side * scale / step) * step) for side in image.shape[-2:])
        return rows, columns


def per_frame(values: Tensor, frames: int) -> Tensor:
    """What is known of each clip, `[B, ...]`, for each of its frames, `[frames, ...]`, clip by clip."""
    if len(values) == 1:
        return values.expand(frames, *values.shape[1:])
    return values.repeat_interleave(frames // len(values), 0)
