"""Condition encoders of an L-Diffuser: what it is told of a pair, as banks of tokens (VCG, Eq. 4 and Table 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.descriptors import Descriptor
from lutgrade.models.frames import FrameCodec
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.kept import Kept
from lutgrade.models.reference_attention import Banks
from lutgrade.models.starting import start_part
from lutgrade.weights import read_all

STAGE_1 = "extractor."  # in front of the GS-Extractor's weights in a checkpoint of the image editor


class BankCondition(Protocol):
    """Images of a pair `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to banks `[B, tokens, channels]`.

    Attributes:
        names: of all banks that it can make, in pairing order.
        wanted: those that it makes; None for all.
    """

    names: list[str]
    wanted: Collection[str] | None

    def initialise(self) -> None: ...

    def __call__(self, content: Tensor, reference: Tensor) -> Banks: ...


class StyleDifference(nn.Module):
    """C = G(reference) - G(content) (Eq. 4), of a GS-Extractor G trained in stage 1.

    Args:
        codec: frames to latents and image tokens.
        extractor: changes to SD 1.5's U-Net, as of a `GSExtractor`.
        checkpoint: folder of an image editor's checkpoint, which stage 1 makes: its extractor is read when stage 2
            starts. None starts from random weights.
        frozen: keeps the extractor as it is, as the paper does; False trains it with the L-Diffuser.
        context_dropout: how often in training the image tokens of a pair are set to zero; 0.1 in the published code.
        cached: how many frames' banks are kept, on the CPU; of a frozen extractor without dropout only.

    Raises:
        InputError: a dropout that is no share, or banks that are to be kept and change.
    """

    def __init__(
        self,
        codec: FrameCodec,
        extractor: Mapping[str, Any] | None = None,
        *,
        checkpoint: str | None = None,
        frozen: bool = True,
        context_dropout: float = 0.0,
        cached: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= context_dropout <= 1:
            raise InputError(f"context_dropout is {context_dropout:g}; it is a share, from 0 to 1")
        if context_dropout and cached:
            raise InputError("banks cannot be kept while tokens are dropped; set cached=0 or context_dropout=0")
        self.codec, self.checkpoint, self.context_dropout = codec, checkpoint, context_dropout
        self._kept = Kept(cached, frozen=frozen)
        self.extractor = GSExtractor(**(extractor or {})).requires_grad_(not frozen)
        self.names: list[str] = self.extractor.blocks
        self.wanted: Collection[str] | None = None

    def initialise(self) -> None:
        """Reads stage 1's weights where they are named, and the codec's.

        Raises:
            MissingWeights: there is no such checkpoint, or the codec's are missing.
            InputError: it is of no image editor, or its extractor is of another shape.
        """
        read_all(self._start, self.codec.initialise)

    def _start(self) -> None:
        if self.checkpoint is not None:
            start_part(self.extractor, self.checkpoint, STAGE_1, "stage 2 starts from stage 1's extractor: train it")

    def forward(self, content: Tensor, reference: Tensor) -> Banks:
        """The differences of the wanted banks, in pairing order."""
        reference, content = self.codec.fit(reference), self.codec.fit(content)
        if self.training and self.context_dropout:
            kept = torch.rand(len(content), 1, 1, device=content.device) >= self.context_dropout
            there, here = self._extract(reference, kept), self._extract(content, kept)
        else:
            there, here = self._kept(self._extract, reference), self._kept(self._extract, content)
        return {name: there[name] - here[name] for name in there}

    def _extract(self, frames: Tensor, kept: Tensor | float = 1.0) -> Banks:
        """G of frames `[B, 3, size, size]`, their tokens times `kept`."""
        return self.extractor(self.codec.encode(frames), self.codec.context(frames) * kept, self.wanted)


class DescriptorDifference(nn.Module):
    """The difference of two descriptors through an MLP that matches the reader's width, as a few tokens (Table 3).

    Args:
        descriptor: of one image; fixed.
        width: channels of a token, as wide as the block that reads it.
        tokens: how many.
        hidden: of the MLP.
    """

    def __init__(self, descriptor: Descriptor, width: int, *, tokens: int = 4, hidden: int = 512) -> None:
        super().__init__()
        self.descriptor, self.shape = descriptor, (tokens, width)
        self.names, self.wanted = ["tokens"], None
        self.mlp = nn.Sequential(nn.Linear(descriptor.length, hidden), nn.SiLU(), nn.Linear(hidden, tokens * width))

    def initialise(self) -> None:
        """Reads the descriptor's weights, where it has any."""
        self.descriptor.initialise()

    def forward(self, content: Tensor, reference: Tensor) -> Banks:
        """One bank `[B, tokens, width]`."""
        return {"tokens": self.mlp(self.descriptor(reference) - self.descriptor(content)).unflatten(1, self.shape)}
