"""The layout of a LUT as an image, entry by entry."""

from __future__ import annotations

import pytest
import torch

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.lut_image import image_side, to_image, to_table


def test_every_entry_of_16_nodes_lies_where_it_was_published() -> None:
    table = torch.arange(3 * 16**3).reshape(3, 16, 16, 16)  # channel, blue, green, red
    image = to_image(table)
    assert image.shape == (3, 64, 64)
    for channel in range(3):
        for b in range(16):
            for g in range(16):
                for r in range(16):
                    row, column = 4 * b + g // 4, 16 * (g % 4) + r
                    index = 256 * b + 16 * g + r
                    assert (row, column) == divmod(index, 64)
                    assert image[channel, row, column] == table[channel, b, g, r] == channel * 4096 + index


def test_red_runs_fastest() -> None:
    image = to_image(identity_table(16))
    torch.testing.assert_close(image[0, 0, :16], torch.linspace(0, 1, 16))
    assert (image[1, 0, :16] == 0).all()
    assert (image[2, -4:] == 1).all()


@pytest.mark.parametrize(("size", "side"), [(4, 8), (9, 27), (16, 64), (25, 125)])
def test_there_and_back(size: int, side: int) -> None:
    tables = torch.rand(2, 3, size, size, size)
    image = to_image(tables)
    assert image.shape == (2, 3, side, side)
    assert image_side(size) == side
    assert torch.equal(to_table(image), tables)


def test_a_residual_comes_back_as_its_lut() -> None:
    lut = Lut(torch.rand(1, 3, 16, 16, 16))
    assert torch.allclose(Lut.from_residual(to_table(to_image(lut.residual()))).table, lut.table)


def test_what_fills_no_square_is_refused() -> None:
    with pytest.raises(InputError, match="the 4913 nodes of a LUT of size 17 fill no square"):
        image_side(17)
    with pytest.raises(InputError, match="an image of 32 x 32 pixels holds no LUT"):
        to_table(torch.zeros(1, 3, 32, 32))
