"""The figure of a LUT."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut.plot import plot


def test_the_figure_shows_the_graded_colours(tmp_path: Path) -> None:
    red = torch.tensor([0.83, 0.21, 0.17])
    lut = Lut(red[:, None, None, None].expand(3, 5, 5, 5), title="all $red {and \\nothing")
    pictures = [
        cv2.imread(str(plot(made, tmp_path / "a.png")))[..., ::-1].astype(int) for made in (lut, Lut.identity(5))
    ]
    shares = [(np.abs(p - (red * 255).numpy()).max(-1) <= 1).mean() for p in pictures]
    assert pictures[0].shape[1] > 1000
    assert shares[0] > 0.1  # the lower half of the chart
    assert shares[1] < 0.01


def test_luts_beyond_0_to_1_with_domain_and_shaper_are_drawn(tmp_path: Path) -> None:
    lut = Lut(
        torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0)),
        torch.tensor([[-1.0] * 3, [2.0] * 3]),
        torch.linspace(0, 1, 9).expand(3, -1),
    )
    assert plot(lut, tmp_path / "a.svg").read_text().startswith("<?xml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


@pytest.mark.parametrize("name", ["a.jpg", "a", "none/a.png"])
def test_paths_that_cannot_be_drawn_to(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        plot(Lut.identity(3), tmp_path / name)


def test_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch"):
        plot(Lut(torch.rand(2, 3, 4, 4, 4)), tmp_path / "a.png")
