"""The quality report: clean where there is nothing to say, and its findings on LUTs that are known to be bad."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut.quality import HUES, assess, hue_index

CLEAN: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "gentle gamma": lambda x: 0.01 + 0.96 * x**0.9,
    "S curve": lambda x: 0.7 * x + 0.3 * x * x * (3 - 2 * x),
    "slightly warm": lambda x: x * torch.tensor([1.0, 0.98, 0.94])[:, None, None],
    "half saturation": lambda x: 0.5 * x + 0.5 * x.mean(-3, keepdim=True),
}
BAD: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "4 levels": (lambda x: (x * 4).floor().clamp(max=3) / 3, "banding"),
    "8 levels": (lambda x: (x * 8).floor().clamp(max=7) / 7, "not smooth"),
    "negative": (lambda x: 1 - x, "inverts tones"),
    "solarised": (lambda x: (2 * x - 1).abs(), "not monotonic"),
    "red solarised": (lambda x: torch.cat([(2 * x[:, :1] - 1).abs(), x[:, 1:]], 1), "not monotonic: a channel"),
    "crushed": (lambda x: (2 * x - 0.5).clamp(0, 1), "clips"),
    "crushed beyond": (lambda x: 2 * x - 0.5, r"outside \[0, 1\]"),
    "swapped": (lambda x: x.flip(-3), "skin turns"),
    "green": (lambda x: x * torch.tensor([0.6, 1.0, 0.6])[:, None, None], "cast of green"),
    "blue": (lambda x: x * torch.tensor([0.6, 0.8, 1.0])[:, None, None], "cast of blue"),
    "dark": (lambda x: 0.3 * x, "skin changes strongly"),
}


@pytest.mark.parametrize("size", [17, 33])
@pytest.mark.parametrize("name", CLEAN)
def test_gentle_grades_are_clean(name: str, size: int) -> None:
    quality = assess(Lut.from_function(CLEAN[name], size))
    assert quality.findings == []
    assert "nothing to note" in quality.report()


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    function, finding = BAD[name]
    quality = assess(Lut.from_function(function, 33))
    assert re.search(finding, "\n".join(quality.findings)), quality.findings
    assert f"! {quality.findings[0]}" in quality.report()


def test_the_measures_of_the_identity() -> None:
    quality = assess(Lut.identity(33))
    assert (quality.lowest, quality.highest, quality.outside, quality.clipped) == (0, 1, 0, 0)
    assert quality.largest_step == pytest.approx(1, abs=1e-3)
    assert quality.largest_jump == pytest.approx(1, abs=1e-3)
    assert quality.worst_slope_change == pytest.approx(0, abs=1e-4)
    assert quality.skin_difference == pytest.approx(0, abs=1e-3)
    assert quality.grey_cast == pytest.approx(0, abs=1e-2)


def test_known_values() -> None:
    kink = assess(Lut.from_function(lambda x: torch.where(x < 0.5, x * 0.5, 1.5 * x - 0.5), 33))
    assert kink.worst_slope_change == pytest.approx(1, abs=1e-3)  # from slope 0.5 to 1.5
    assert kink.largest_step == pytest.approx(1.5, abs=1e-3)
    assert kink.grey_range == pytest.approx(255)
    assert assess(Lut.from_function(lambda x: 0.8 - 0.5 * x)).grey_range == pytest.approx(-127.5)
    dip = assess(Lut.from_function(lambda x: torch.where(x > 0.5, x - 0.1 * 4 * (x - 0.5) * (1 - x) * 4, x), 65))
    assert dip.grey_fall == pytest.approx(max(dip.channel_falls), abs=1e-3)
    wide = assess(Lut.from_function(lambda x: 1.5 * x - 0.25, 3))
    assert (wide.lowest, wide.highest) == (-0.25, 1.25)
    assert wide.outside == pytest.approx(26 / 27)  # all nodes but the middle


def test_tables_behind_a_shaper_or_a_domain_are_measured_as_they_are_applied() -> None:
    curve = torch.linspace(0, 1, 1024).sqrt().expand(3, -1)
    squares = Lut.from_function(torch.square, 33).table
    assert assess(Lut(squares, shaper=curve)).findings == []  # together the identity
    curve = Lut.from_curves(torch.tensor([[0.0, 0.5, 1.0, 1.5]] * 3), torch.tensor([[0.0] * 3, [1.5] * 3]))
    assert curve.table.max() == 1.5
    assert assess(curve).highest == pytest.approx(1, abs=1e-6)  # up to 1 it is the identity
    assert assess(curve).outside == 0
    doubled = Lut(Lut.identity(33).table * 2, torch.tensor([[0.0] * 3, [2.0] * 3]))
    assert assess(doubled).clipped == 0


def test_hue_names() -> None:
    angles = torch.tensor([40.0, 136.0, 306.0, 0.0, 359.0, 103.0, 60.0, 196.0, 328.0])  # sRGB's primaries first
    names = [HUES[i] for i in hue_index(angles).tolist()]
    assert names == ["red", "green", "blue", "magenta", "magenta", "yellow", "orange", "cyan", "magenta"]


@pytest.mark.parametrize("lut", [Lut(torch.rand(2, 3, 4, 4, 4)), Lut(torch.rand(3, 130, 130, 130))])
def test_what_cannot_be_measured(lut: Lut) -> None:
    with pytest.raises(InputError):
        assess(lut)


def test_real_luts(data_dir: Path) -> None:
    film = data_dir / "luts" / "film"
    quality = {path.stem: assess(Lut.load(path)) for path in sorted(film.glob("*.cube"))[::6]}
    assert sum(not q.findings for q in quality.values()) > len(quality) / 3  # most stocks are gentle
    assert not any("banding" in text for q in quality.values() for text in q.findings)
    strong = assess(Lut.load(data_dir / "luts" / "train" / "11.cube"))
    assert strong.highest > 1.3
    assert any(text.startswith("clips") for text in strong.findings)
