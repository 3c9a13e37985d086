"""`fit_lut` and `invert`, on analytic colour maps and on pairs made of real photographs and LUTs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.lut.fit import fit_lut, invert
from lutgrade.lut.normal import accumulate, assemble
from lutgrade.lut.thinplate import Multigrid, bending_energy


def grade(x: Tensor) -> Tensor:
    """A gentle creative grade: mixed channels, a contrast curve, lifted blue."""
    mix = torch.tensor([[0.85, 0.1, 0.05], [0.05, 0.9, 0.05], [0.0, 0.1, 0.9]], dtype=x.dtype)
    y = torch.einsum("ij,...jhw->...ihw", mix, x)
    y = y + 0.5 * (y * y * (3 - 2 * y) - y)
    return torch.lerp(y, torch.tensor([0.0, 0.02, 0.1], dtype=x.dtype)[:, None, None], 0.1)


def eight_bit(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round() / 255


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean()))


def colours(count: int, seed: int = 0) -> Tensor:
    return torch.rand(3, 1, count, generator=torch.Generator().manual_seed(seed))


def photograph(folder: Path, index: int) -> Tensor:
    """A validation photograph as `[3, 256, 384]` in [0, 1]."""
    image = Image.open(sorted((folder / "photos/val").glob("*.jpg"))[index]).convert("RGB").resize((384, 256))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


def count_average(source: Tensor, target: Tensor, size: int) -> Tensor:
    """The usual short cut: the mean offset of the pixels nearest each node, the identity where none fell."""
    index = (source.reshape(3, -1) * (size - 1)).round().long()
    flat = (index[2] * size + index[1]) * size + index[0]
    offset = torch.zeros(3, size**3).index_add_(1, flat, (target - source).reshape(3, -1))
    count = torch.bincount(flat, minlength=size**3)
    return identity_table(size) + (offset / count.clamp(min=1)).reshape(3, size, size, size)


def seen_nodes(source: Tensor, size: int) -> Tensor:
    """Whether a pixel is nearest to each node, `[S, S, S]`."""
    index = (source.reshape(3, -1) * (size - 1)).round().long()
    seen = torch.zeros(size, size, size, dtype=torch.bool)
    seen[index[2], index[1], index[0]] = True
    return seen


def border_bends(table: Tensor, seen: Tensor) -> Tensor:
    """Second differences over neighbouring nodes of which some are seen and some are not, in steps between nodes."""
    bends, inner = [], seen.shape[0] - 2
    for axis in range(3):
        three = torch.stack([seen.narrow(axis, i, inner) for i in range(3)])
        bends.append(table.diff(n=2, dim=axis + 1).abs().amax(0)[three.any(0) & ~three.all(0)])
    return torch.cat(bends) * (table.shape[-1] - 1)


# The parts


def test_normal_equations_match_the_dense_ones() -> None:
    rng = np.random.default_rng(0)
    size, x, y, w = 4, rng.random((50, 3)), rng.random((50, 3)), rng.random(50)
    matrix, right = assemble(accumulate(x, y, w, size), np.ones((size - 1) ** 3))
    # The operator's own gradient with respect to the table is the row of trilinear weights of each colour.
    rows = torch.zeros(50, size**3, dtype=torch.float64)
    for i in range(50):
        table = torch.zeros(3, size, size, size, dtype=torch.float64, requires_grad=True)
        (rows[i],) = (
            g[0].flatten() for g in torch.autograd.grad(Lut(table)(torch.tensor(x[i])[:, None, None]).sum(), table)
        )
    a = rows.numpy()
    np.testing.assert_allclose(matrix.toarray(), a.T @ (w[:, None] * a), atol=1e-6)
    np.testing.assert_allclose(right, a.T @ (w[:, None] * y), atol=1e-6)


def test_bending_energy_is_zero_for_affine_maps_alone() -> None:
    energy = bending_energy(6, tension=0, pull=0)
    nodes = identity_table(6, dtype=torch.float64).reshape(3, -1).numpy()
    affine = 0.3 + np.array([0.2, -1.0, 0.5]) @ nodes
    assert abs(affine @ energy @ affine) < 1e-12
    assert nodes[0] * nodes[1] @ energy @ (nodes[0] * nodes[1]) > 1e-3
    assert nodes[2] ** 2 @ energy @ nodes[2] ** 2 > 1e-3


@pytest.mark.parametrize("size", [5, 9, 16, 20, 33])
def test_multigrid_solves_the_system(size: int) -> None:
    rng = np.random.default_rng(size)
    x = 0.5 + 0.1 * rng.standard_normal((2000, 3))  # a small cloud: most nodes hang on the energy alone
    sums = accumulate(x.clip(0, 1), rng.random((2000, 3)), np.ones(2000), size)
    matrix, right = assemble(sums, 1 / (sums.mass + 1))
    matrix = (matrix + 0.01 * bending_energy(size, tension=1, pull=1)).tocsr()
    solution = Multigrid(matrix, size).solve(right, tolerance=1e-8, steps=60)
    assert np.linalg.norm(matrix @ solution - right) < 2e-8 * np.linalg.norm(right)


# The fit


@pytest.mark.parametrize("size", [2, 16, 17, 33])
def test_recovers_a_grade_from_dense_colours(size: int) -> None:
    x = colours(100_000)
    truth = Lut.from_function(lambda image: grade(image), size)
    fitted = fit_lut(x, truth(x), size=size)
    held_out = colours(10_000, seed=1)
    assert (fitted(held_out) - truth(held_out)).abs().mean() < 0.3 / 255


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([5, 9, 12]))
def test_any_affine_map_is_continued_over_the_whole_cube(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.eye(3) * 0.6 + 0.15 * torch.rand(3, 3, generator=generator)
    x = 0.2 + 0.6 * colours(2000, seed)
    fitted = fit_lut(x, torch.einsum("ij,jhw->ihw", mix, x) + 0.02, size=size)
    expected = torch.einsum("ij,jbgr->ibgr", mix, identity_table(size)) + 0.02
    torch.testing.assert_close(fitted.table, expected.clamp(0, 1), atol=0.02, rtol=0)


def test_one_colour_moves_its_neighbourhood_and_stays_sane() -> None:
    fitted = fit_lut(torch.tensor([[0.5, 0.5, 0.5]]), torch.tensor([[0.6, 0.5, 0.4]]), size=17)
    assert fitted(torch.full((3, 1, 1), 0.5)).flatten().tolist() == pytest.approx([0.6, 0.5, 0.4], abs=2e-3)
    assert (fitted.table - identity_table(17)).abs().max() < 0.25


def test_layouts_and_dtypes_agree() -> None:
    image = (colours(600).reshape(3, 20, 30) * 255).round()
    target = eight_bit(grade(image / 255)) * 255
    as_floats = fit_lut(image / 255, target / 255, size=9)
    as_rows = fit_lut((image / 255).reshape(3, -1).T, (target / 255).reshape(3, -1).T, size=9)
    as_bytes = fit_lut(image.byte()[None], target.byte()[None], size=9)
    torch.testing.assert_close(as_rows.table, as_floats.table)
    torch.testing.assert_close(as_bytes.table, as_floats.table)


def test_weights_count_as_repetitions() -> None:
    x, y = colours(300).reshape(3, -1).T, colours(300, seed=1).reshape(3, -1).T
    weights = (torch.arange(300) % 3).float()
    repeated = weights.long()
    weighted = fit_lut(x, y, size=5, weights=weights)
    torch.testing.assert_close(
        weighted.table, fit_lut(x.repeat_interleave(repeated, 0), y.repeat_interleave(repeated, 0), size=5).table
    )


def test_robust_fit_shrugs_off_outliers() -> None:
    x, held_out = colours(20_000), colours(2000, seed=1)
    y = grade(x)
    y[..., ::10] = colours(2000, seed=2)  # a tenth of the pixels are of something else
    plain, robust = (fit_lut(x, y, size=17, robust=r)(held_out) for r in (False, True))
    assert (robust - grade(held_out)).abs().mean() < 1 / 255
    assert (robust - grade(held_out)).abs().mean() < 0.2 * (plain - grade(held_out)).abs().mean()


def test_bad_input_is_named() -> None:
    x = torch.rand(10, 3)
    with pytest.raises(InputError, match="one shape"):
        fit_lut(x, x[:5])
    with pytest.raises(InputError, match=r"source: colours are \[N, 3\]"):
        fit_lut(x.T, x.T)
    with pytest.raises(InputError, match="target: a colour is not finite"):
        fit_lut(x, x / 0)
    with pytest.raises(InputError, match="weights must be 10"):
        fit_lut(x, x, weights=torch.zeros(10))
    with pytest.raises(InputError, match="source: colours"):
        fit_lut(x[:0], x[:0])
    with pytest.raises(InputError, match="at least 2 nodes"):
        fit_lut(x, x, size=1)
    with pytest.raises(InputError, match="smoothness"):
        fit_lut(x, x, smoothness=0)


# On real pairs


@pytest.mark.parametrize(("photo", "lut"), [(3, "luts/val/41.cube"), (20, "luts/val/51.cube")])
def test_real_pairs_fit_held_out_pixels_to_8_bit_noise(data_dir: Path, photo: int, lut: str) -> None:
    source = photograph(data_dir, photo)
    target = eight_bit(Lut.load(data_dir / lut)(source))
    seen = torch.rand(source.shape[1:], generator=torch.Generator().manual_seed(0)) < 0.5
    fitted = fit_lut(source[:, seen].T, target[:, seen].T)
    unseen = source[:, ~seen][:, None]
    assert psnr(eight_bit(fitted(unseen)), target[:, ~seen][:, None]) > 50


def test_no_banding_at_the_border_of_seen_and_unseen_colours(data_dir: Path) -> None:
    source = photograph(data_dir, 3)
    truth = Lut.load(data_dir / "luts/val/51.cube").resize(33)
    target = eight_bit(truth(source))
    fitted, naive = fit_lut(source, target).table, count_average(source, target, 33)
    seen = seen_nodes(source, 33)
    broken, smooth, true = (border_bends(t, seen).mean() for t in (naive, fitted, truth.table))
    assert smooth < 1.1 * true
    assert broken > 10 * smooth
    # A ramp through seen and unseen colours shows it.
    t = torch.linspace(0, 1, 512)
    ramp = torch.stack([t, 0.3 + 0.4 * t, 1 - t])[:, None]
    jump = [Lut(table)(ramp).diff(dim=-1).abs().max() for table in (naive, fitted)]
    assert jump[0] > 3 * jump[1]


# The inverse


@pytest.mark.parametrize("function", [grade, lambda x: x**1.5, lambda x: x ** (1 / 1.5)])
def test_inverse_of_a_gentle_grade(function: object) -> None:
    lut = Lut.from_function(function, 33)  # type: ignore[arg-type]
    x = colours(50_000)
    error = (invert(lut, 33)(lut(x)) - x).abs()
    assert error.mean() < 0.3 / 255
    assert error.max() < 6 / 255


def test_inverse_of_a_clipping_grade_is_smooth() -> None:
    lut = Lut.from_function(lambda x: (1.5 * x - 0.25).clamp(0, 1), 17)
    inverse = invert(lut, 17)
    inside = 0.2 + 0.6 * colours(20_000)
    assert (inverse(lut(inside)) - inside).abs().mean() < 0.3 / 255
    y = colours(20_000)
    assert (lut(inverse(y)) - y).abs().mean() < 0.3 / 255
    assert border_bends(inverse.table, seen_nodes(lut.table, 17)).mean() < 0.2


def test_inverse_over_a_domain_takes_the_box_of_the_outputs() -> None:
    domain = torch.tensor([[-1.0, -1.0, -1.0], [3.0, 3.0, 3.0]])
    lut = Lut(0.2 + 0.5 * identity_table(17), domain, title="lin")
    inverse = lut.inverse()
    assert inverse.title == "inverse of lin"
    torch.testing.assert_close(inverse.domain, torch.tensor([[0.2] * 3, [0.7] * 3]))
    x = 4 * colours(1000) - 1
    torch.testing.assert_close(inverse(lut(x)), x, atol=4e-3, rtol=0)


def test_inverse_of_what_has_none_is_an_error() -> None:
    table = identity_table(5)
    with pytest.raises(InputError, match="one LUT at a time"):
        invert(Lut(table[None]), 5)
    with pytest.raises(InputError, match="no inverse"):
        invert(Lut(torch.zeros_like(table), torch.tensor([[0.0] * 3, [2.0] * 3])), 5)
