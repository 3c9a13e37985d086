"""Stage 1 of VCG: an image editor learns to denoise the target beside the source, told by the reference (Eq. 2, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.protocols import Sample


class _Codec(Protocol):
    def fit(self, images: Tensor) -> Tensor: ...
    def encode(self, images: Tensor) -> Tensor: ...
    def context(self, images: Tensor) -> Tensor: ...


class _Diffusion(Protocol):
    steps: int

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor: ...
    def target(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor: ...


class Editor(Protocol):
    """What is trained: `lutgrade.models.editor.ImageEditor`, or another with its parts."""

    codec: _Codec
    diffusion: _Diffusion

    def source_latents(self, images: Tensor) -> Tensor: ...
    def banks(self, latents: Tensor, context: Tensor) -> Mapping[str, Tensor]: ...
    def denoise(
        self, noisy: Tensor, source: Tensor, timestep: Tensor, context: Tensor, banks: Mapping[str, Tensor]
    ) -> Tensor: ...


@dataclass(frozen=True)
class Editing:
    """The mean squared error of the network's prediction at a random timestep (Eq. 3).

    What is predicted (the noise in the paper) and the noise schedule are the model's `diffusion`, as sampling must
    agree with training.

    Args:
        context_dropout: how often a sample's image tokens are set to zero, for guidance without a classifier.

    Raises:
        InputError: the dropout is no share.
    """

    context_dropout: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.context_dropout <= 1:
            raise InputError(f"context_dropout is {self.context_dropout}; it is a share, from 0 to 1")

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss over all frames of a batch; those of a clip share their timestep and the first reference.

        Raises:
            InputError: the batch has no target.
        """
        if batch.target is None:
            raise InputError("the editing objective needs samples with a known target; this data set has none")
        editor = cast(Editor, model)
        pictures = batch.frames.flatten(0, 1), batch.target.flatten(0, 1), batch.reference[:, 0]
        source, target, reference = (editor.codec.fit(images) for images in pictures)  # [B * T, 3, S, S], [B, ...]
        latents = editor.codec.encode(target)  # [B * T, C, h, w]
        context = self._dropped(editor.codec.context(reference))
        banks = editor.banks(editor.codec.encode(reference), context)
        timestep = torch.randint(editor.diffusion.steps, (len(reference),), device=latents.device)
        each = timestep.repeat_interleave(len(latents) // len(reference))
        noise = torch.randn_like(latents)
        noisy = editor.diffusion.add_noise(latents, noise, each)
        predicted = editor.denoise(noisy, editor.source_latents(source), timestep, context, banks)
        return {"loss": F.mse_loss(predicted.float(), editor.diffusion.target(latents, noise, each))}

    def _dropped(self, context: Tensor) -> Tensor:
        """Tokens `[B, tokens, width]`, those of some samples set to zero."""
        kept = torch.rand(len(context), 1, 1, device=context.device) >= self.context_dropout
        return context * kept
