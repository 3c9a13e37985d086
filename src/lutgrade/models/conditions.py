"""Condition encoders of an L-Diffuser: what it is told of a pair, as banks of tokens (VCG, Eq. 4 and Table 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from lutgrade.models.descriptors import Descriptor
from lutgrade.models.frames import FrameCodec
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.kept import Kept
from lutgrade.models.reference_attention import Banks
from lutgrade.models.starting import start_part

STAGE_1 = "extractor."  # in front of the GS-Extractor's weights in a checkpoint of the image editor


class BankCondition(Protocol):
    """Images of a pair `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to banks `[B, tokens, channels]`."""

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
        cached: how many frames' banks are kept, on the CPU; of a frozen extractor only.
    """

    def __init__(
        self,
        codec: FrameCodec,
        extractor: Mapping[str, Any] | None = None,
        *,
        checkpoint: str | None = None,
        frozen: bool = True,
        cached: int = 0,
    ) -> None:
        super().__init__()
        self.codec, self.checkpoint = codec, checkpoint
        self._kept = Kept(cached, frozen=frozen)
        self.extractor = GSExtractor(**(extractor or {})).requires_grad_(not frozen)

    def initialise(self) -> None:
        """Reads stage 1's weights where they are named.

        Raises:
            MissingWeights: there is no such checkpoint.
            InputError: it is of no image editor, or its extractor is of another shape.
        """
        if self.checkpoint is not None:
            start_part(self.extractor, self.checkpoint, STAGE_1, "stage 2 starts from stage 1's extractor: train it")

    def forward(self, content: Tensor, reference: Tensor) -> Banks:
        """The differences of all banks, in pairing order."""
        reference, content = self.codec.fit(reference), self.codec.fit(content)
        there, here = self._kept(self._extract, reference), self._kept(self._extract, content)
        return {name: there[name] - here[name] for name in there}

    def _extract(self, frames: Tensor) -> Banks:
        """G of frames `[B, 3, size, size]`."""
        return self.extractor(self.codec.encode(frames), self.codec.context(frames))


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
        self.mlp = nn.Sequential(nn.Linear(descriptor.length, hidden), nn.SiLU(), nn.Linear(hidden, tokens * width))

    def initialise(self) -> None:
        """Reads the descriptor's weights, where it has any."""
        self.descriptor.initialise()

    def forward(self, content: Tensor, reference: Tensor) -> Banks:
        """One bank `[B, tokens, width]`."""
        return {"tokens": self.mlp(self.descriptor(reference) - self.descriptor(content)).unflatten(1, self.shape)}
