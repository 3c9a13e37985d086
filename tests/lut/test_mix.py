"""Mixtures of LUTs and random grades."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.lut.mix import mix, random_look, random_mix, stack_tables

DOMAIN = torch.tensor([[-1.0] * 3, [3.0] * 3])


def warm(size: int = 5) -> Lut:
    return Lut.from_function(lambda x: x ** torch.tensor([0.8, 1.0, 1.3])[:, None, None], size)


def dark(size: int = 9) -> Lut:
    return Lut.from_function(lambda x: 0.7 * x, size)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=20, deadline=None)
def test_mix_is_linear_in_the_weights(a: float, b: float) -> None:
    x = torch.rand(3, 4, 4, generator=generator())
    first, second = warm(9), dark()
    mixed = mix([first, second], [a, b])(x)
    expected = a * first(x) + b * second(x) + (1 - a - b) * x
    torch.testing.assert_close(mixed, expected, atol=1e-5, rtol=0)


def test_mix_of_one_is_that_one_and_a_part_of_it_is_its_blend() -> None:
    torch.testing.assert_close(mix([warm()], [1]).table, warm().table)
    torch.testing.assert_close(mix([warm()], [0.3]).table, warm().blend(0.3).table)
    torch.testing.assert_close(mix([warm(), dark()], [0, 0]).table, identity_table(9))


def test_mix_takes_the_largest_size_and_the_common_domain() -> None:
    assert mix([warm(5), dark(9)], [0.5, 0.5]).size == 9
    lut = Lut(0.5 * identity_table(5), DOMAIN)
    half = mix([lut], [0.5])
    x = torch.tensor([-1.0, 0.0, 3.0])[:, None, None].expand(3, 3, 1)
    torch.testing.assert_close(half(x), 0.5 * lut(x) + 0.5 * x)


def test_mix_names_what_does_not_mix() -> None:
    with pytest.raises(InputError, match="one weight for every LUT, not 1 for 2"):
        mix([warm(), dark()], [1])
    with pytest.raises(InputError, match="one weight for every LUT"):
        mix([], [])
    with pytest.raises(InputError, match="different domains"):
        mix([warm(), Lut(identity_table(5), DOMAIN)], [0.5, 0.5])


def test_stack_tables_unifies_sizes_and_domains() -> None:
    wide = Lut(identity_table(5), torch.tensor([[0.0] * 3, [2.0] * 3]))  # halves
    tables = stack_tables([warm(5), dark(9), wide], 17)
    assert tables.shape == (3, 3, 17, 17, 17)
    torch.testing.assert_close(tables[0], warm(5).resize(17).table)
    torch.testing.assert_close(tables[2], identity_table(17) / 2)
    with pytest.raises(InputError, match="no LUTs"):
        stack_tables([], 17)


def test_random_mix_of_one_lut_is_that_lut(device: torch.device) -> None:
    tables = stack_tables([warm()], 5).to(device)
    mixed = random_mix(tables, generator(), count=4)
    assert mixed.device.type == device.type
    torch.testing.assert_close(mixed, tables.expand(4, -1, -1, -1, -1), atol=1e-5, rtol=0)


def test_random_mix_follows_its_definition_and_its_generator() -> None:
    tables = torch.rand(7, 3, 4, 4, 4, generator=generator(1))
    mixed = random_mix(tables, generator(), count=64)
    torch.testing.assert_close(mixed, random_mix(tables, generator(), count=64))
    assert not torch.equal(mixed, random_mix(tables, generator(1), count=64))
    assert mixed.min() == 0
    assert mixed.max() == 1
    # The weights are those of the paper: solve for them on constant tables, which clipping leaves alone.
    constants = torch.tensor([0.5, 0.5 + 1e-3, 0.5 + 1e-5])[:, None, None, None, None].expand(3, 3, 2, 2, 2)
    spread = (random_mix(constants.double(), generator(), count=2000)[:, 0, 0, 0, 0] - 0.5) / 1e-3
    assert spread.min() < -0.9  # beyond the range of the LUTs on both sides
    assert spread.max() > 1.9


def test_random_looks_are_smooth_sane_and_different() -> None:
    source = generator()
    tables = torch.stack([random_look(source).lut(17).table for _ in range(24)])
    assert bool(tables.isfinite().all())
    assert tables.min() >= 0
    assert tables.max() <= 1
    slopes = torch.stack([tables.diff(dim=d).abs().flatten(1).quantile(0.99, dim=1) for d in (2, 3, 4)]) * 16
    assert slopes.max() < 4
    greys = tables[:, :, range(17), range(17), range(17)].mean(1)  # [24, 17]
    assert (greys.diff(dim=1) > -1e-4).all()
    assert (greys[:, -1] - greys[:, 0] > 0.4).all()
    apart = (tables[:, None] - tables[None]).abs().mean((2, 3, 4, 5)) + torch.eye(24)
    assert apart.min() > 1 / 255
    assert (tables - identity_table(17)).abs().mean((1, 2, 3, 4)).min() > 1 / 255


def test_random_look_follows_its_generator() -> None:
    assert random_look(generator(3)) == random_look(generator(3))
    assert random_look(generator(3)) != random_look(generator(4))
