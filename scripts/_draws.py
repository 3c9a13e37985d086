"""What a model that draws LUTs is scored on: the paired protocol, with several draws for each pair."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.data import PairedProtocol, collate, film_fifth
from lutgrade.data.pairs import changed, quantise
from lutgrade.lut import Lut
from lutgrade.models.lut_diffusion import LutDiffusion
from lutgrade.protocols import Sample

DRAWS = 8


@dataclass(frozen=True)
class Drawn:
    """Means over pairs: PSNR in dB (and CIEDE2000) of one draw, of the mean of `DRAWS` LUTs and of the best of them.

    `spread` is the deviation of the graded values between draws, in [0, 1].
    """

    one: float
    mean: float
    best: float
    spread: float
    one_ciede: float
    mean_ciede: float
    best_ciede: float


def count(text: str) -> int:
    """A whole number of at least 1, for a parser of arguments."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of at least 1")
    return int(text)


def held_out(data: Path, every: int = 1, change: str | None = None) -> dict[str, list[Sample]]:
    """Every so-manyth pair of the paired protocol, by the kind of its LUTs; B in front of each tensor.

    `change` makes them harder (`lutgrade.data.pairs.changed`).
    """
    sources = {"creative": data / "luts" / "val", "film": film_fifth(data / "luts" / "film")}
    return {
        name: [
            collate([changed(pair, change) if change else pair])
            for pair in list(PairedProtocol(data / "photos" / "val", luts))[::every]
        ]
        for name, luts in sources.items()
    }


@torch.inference_mode()
def score(model: LutDiffusion, pairs: list[Sample], *, ciede: bool = False, seed: int = 0) -> Drawn:
    """Scores `DRAWS` draws of each pair; CIEDE2000, which takes a while, where asked for (else it is 0)."""
    rows = []
    for pair in pairs:
        assert pair.target is not None
        content, target = pair.frames[:, 0], pair.target[:, 0]
        tables = model.draw(content, pair.reference[:, 0], DRAWS, seed=seed)[:, 0]
        graded = quantise(Lut(torch.cat([tables, tables.mean(0, keepdim=True)]))(content.expand(DRAWS + 1, -1, -1, -1)))
        psnr = -10 * (graded - target).square().mean((1, 2, 3)).clamp_min(1e-10).log10()
        error = _ciede(graded, target) if ciede else torch.zeros_like(psnr)
        best = int(psnr[:-1].argmax())
        spread = graded[:-1].std(0).square().mean().sqrt()
        rows.append([psnr[:-1].mean(), psnr[-1], psnr[best], spread, error[:-1].mean(), error[-1], error[best]])
    return Drawn(*torch.tensor(rows).mean(0).tolist())


def _ciede(graded: Tensor, target: Tensor) -> Tensor:
    """Mean CIEDE2000 of each image."""
    return ciede2000(srgb_to_lab(graded), srgb_to_lab(target).expand_as(graded)).flatten(1).mean(1)
