"""The contact sheet holds what it is given, in its place, at any size and number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.video.sheet import SheetRow, contact_sheet, timecode


def flat(rgb: tuple[float, float, float], height: int = 90, width: int = 160) -> Tensor:
    return torch.tensor(rgb).view(3, 1, 1).expand(3, height, width)


RED, GREEN, BLUE = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.9)


def area(sheet: Tensor, rgb: tuple[float, float, float]) -> int:
    """How many pixels of the sheet have a colour."""
    return int(((sheet - torch.tensor(rgb).view(3, 1, 1)).abs() < 0.01).all(dim=0).sum())


def test_before_after_and_reference_are_shown() -> None:
    rows = [SheetRow("Shot 1", flat(RED), flat(GREEN), ["00:00:00:00"])] * 2
    sheet = contact_sheet(rows, title="clip.mp4", notes=["model"], reference=flat(BLUE))
    assert sheet.shape[0] == 3
    assert 0 <= sheet.min() <= sheet.max() <= 1
    assert area(sheet, RED) == area(sheet, GREEN) == 2 * 320 * 180
    assert area(sheet, BLUE) == 320 * 180
    left = [(sheet[channel] > 0.75).any(dim=0).nonzero().min() for channel in (0, 1)]
    assert area(sheet[:, :, : left[0]], GREEN) == 0


def test_rows_with_their_own_references_get_a_column() -> None:
    without = contact_sheet([SheetRow("1", flat(RED), flat(GREEN))], title="t")
    rows = [SheetRow("1", flat(RED), flat(GREEN), reference=flat(BLUE)), SheetRow("2", flat(RED), flat(GREEN))]
    sheet = contact_sheet(rows, title="t")
    assert area(sheet, BLUE) == 320 * 180
    assert sheet.shape[2] == without.shape[2] + 320 + 14


@pytest.mark.parametrize("size", [(160, 90), (91, 333), (1, 1), (3, 400), (400, 3), (720, 1280)])
def test_any_shape_is_shown_whole(size: tuple[int, int]) -> None:
    sheet = contact_sheet([SheetRow("a", flat(RED, *size), flat(GREEN, *size))], title="t")
    shown = area(sheet, RED)
    assert shown == area(sheet, GREEN) > 0
    mask = ((sheet - torch.tensor(RED).view(3, 1, 1)).abs() < 0.01).all(dim=0).nonzero()
    height, width = (mask.max(dim=0).values - mask.min(dim=0).values + 1).tolist()
    assert shown == height * width
    if min(size) > 50:
        assert width / height == pytest.approx(size[1] / size[0], rel=0.02)


def test_many_shots_are_thinned_evenly_and_long_lines_cut() -> None:
    rows = [
        SheetRow(f"Shot {i} " + "x" * 300, flat((i / 256, 0, 0)), flat(GREEN), ["y" * 300]) for i in range(0, 100, 2)
    ]
    sheet = contact_sheet(rows, title="z" * 500, max_rows=5)
    assert area(sheet, GREEN) == 5 * 320 * 180
    assert [area(sheet, (i / 256, 0, 0)) > 0 for i in (80, 90)] == [True, False]
    assert sheet.shape[1] < 5 * 230 + 200


def test_names_in_other_scripts_are_drawn() -> None:
    sheets = [
        contact_sheet([SheetRow("a", flat(RED), flat(GREEN))], title=t) for t in ("\u00e9t\u00e9", "\u0436\u0438\u0436")
    ]
    assert not torch.equal(*sheets)  # a font without them draws the same box for every letter


def test_a_sheet_needs_a_row() -> None:
    with pytest.raises(ValueError, match="row"):
        contact_sheet([], title="t")


@pytest.mark.parametrize(
    ("frame", "rate", "expected"),
    [(0, 25, "00:00:00:00"), (24, 25, "00:00:00:24"), (25, 25, "00:00:01:00"), (90061 * 30 + 7, 29.97, "25:01:01:07")],
)
def test_timecode(frame: int, rate: float, expected: str) -> None:
    assert timecode(frame, rate) == expected
