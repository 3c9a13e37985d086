"""Small real parts to train with: a LUT predictor of three layers, photographs, and a noisy objective."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lutgrade.lut import Lut
from lutgrade.protocols import Sample

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
SIZE = 5


class TinyLut(nn.Module):
    """The mean colours of both images, through three layers, to a LUT of 5 nodes."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3 * SIZE**3)
        )
        self.initialised = 0
        self.checkpointing = False

    def initialise(self) -> None:
        self.initialised += 1

    def enable_gradient_checkpointing(self) -> None:
        self.checkpointing = True

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        means = torch.cat([content.mean((2, 3)), reference.mean((2, 3))], 1)
        return Lut.from_residual(self.layers(means).float().unflatten(1, (3, SIZE, SIZE, SIZE)))


class PhotoPairs:
    """Crops of photographs that come with scikit-image, and the same crops darker in red as reference and target.

    The crops are drawn from torch's global generator, the strengths from the one that `prepare` is given.
    """

    def __init__(self, length: int = 24, poison: int | None = None) -> None:
        from skimage import data

        self.length, self.poison = length, poison
        photos = [torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None] / 255 for name in PHOTOS]
        self.photos = [interpolate(photo, (48, 48), mode="bilinear", antialias=True)[0] for photo in photos]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        top, left = torch.randint(16, (2,)).tolist()
        crop = self.photos[index % len(self.photos)][:, top : top + 32, left : left + 32]
        if index == self.poison:
            crop = crop * torch.nan
        return Sample(frames=crop[None], reference=crop[None], name=f"{index}:{PHOTOS[index % len(PHOTOS)]}")

    def prepare(self, batch: Sample, device: torch.device, generator: torch.Generator) -> Sample:
        frames = batch.frames.to(device)
        strength = torch.rand(len(frames), 1, 1, 1, 1, device=device, generator=generator)
        gain = torch.tensor([0.5, 0.9, 1.0], device=device).view(3, 1, 1)
        target = frames * (1 - strength * (1 - gain))
        return Sample(frames=frames, reference=target, target=target, name=batch.name)


class NoisyL1(nn.Module):
    """L1 on the graded image, with noise that the objective draws, and a weight that is learned with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, model: nn.Module, batch: Sample) -> Mapping[str, Tensor]:
        content, reference, target = batch.frames[:, 0], batch.reference[:, 0], batch.target
        assert target is not None
        noisy = content + 0.02 * torch.randn_like(content)
        error = (model(noisy, reference)(content) - target[:, 0]).abs().mean()
        return {"loss": error * self.weight.exp() - 0.1 * self.weight, "error": error}
