"""Condition encoders of an L-Diffuser: what it is told of a pair, as banks of tokens (VCG, Eq. 4 and Table 3)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.descriptors import Descriptor
from lutgrade.models.frames import FrameCodec
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.kept import Kept
from lutgrade.models.reference_attention import Banks
from lutgrade.weights import MissingWeights

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
        if cached and not frozen:
            raise InputError("banks of an extractor that is trained cannot be kept; set cached=0 or frozen=true")
        self.codec, self.checkpoint = codec, checkpoint
        self.extractor = GSExtractor(**(extractor or {})).requires_grad_(not frozen)
        self._kept = Kept(cached)

    def initialise(self) -> None:
        """Reads stage 1's weights where they are named.

        Raises:
            MissingWeights: there is no such checkpoint.
            InputError: its extractor is of another shape.
        """
        if self.checkpoint is None:
            return
        state = read_extractor(self.checkpoint)
        try:
            self.extractor.load_state_dict(state)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise InputError(f"{self.checkpoint} holds another GS-Extractor: {reason}") from error

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


def read_extractor(checkpoint: str | Path) -> dict[str, Tensor]:
    """The state of the GS-Extractor in the checkpoint of an image editor (stage 1).

    Raises:
        MissingWeights: there is no such checkpoint.
        InputError: it holds no extractor.
    """
    from safetensors.torch import load_file

    path = Path(checkpoint) / "model.safetensors"
    if not path.is_file():
        raise MissingWeights(f"stage 2 starts from stage 1's extractor: train it, so that {path} is there")
    found = {key[len(STAGE_1) :]: value for key, value in load_file(path).items() if key.startswith(STAGE_1)}
    if not found:
        raise InputError(f"{path} holds no GS-Extractor: it is no checkpoint of an image editor")
    return found
