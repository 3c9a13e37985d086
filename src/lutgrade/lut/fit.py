"""A LUT from before/after pixels, and the inverse of a LUT, as a smooth regularised scattered-data fit.

The table minimises the squared error at the pixels plus a small thin-plate energy over the whole cube
(`thinplate.py`), so it follows the data where there are any and continues them smoothly where there are none.
What is fitted is the residual from the best affine map: far from all data that map takes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut.lut import Lut, identity_table, sample_nodes
from lutgrade.lut.normal import accumulate, assemble
from lutgrade.lut.thinplate import Multigrid, bending_energy

if TYPE_CHECKING:
    from lutgrade.lut.normal import Floats

SMOOTHNESS = 0.01
SATURATION = 16.0  # the weight that a cell approaches however many pixels it holds: rare colours count as well
TENSION, PULL = 4.0, 1.0  # of the residual from the affine map; see bending_energy
RIDGE = 1e-3  # variance of the colours under which the affine map stays near the identity
ROBUST_ROUNDS = 5
MERGED = 1e-3  # the weight in an inverse of colours that share their output with others
NOISE = 1 / 255  # errors under this are never outliers


def fit_lut(
    source: Tensor,
    target: Tensor,
    *,
    size: int = 33,
    smoothness: float = SMOOTHNESS,
    weights: Tensor | None = None,
    robust: bool = False,
) -> Lut:
    """The LUT that best turns the colours of `source` into those of `target`.

    Where the pairs agree with each other the error at them is under 8-bit noise; two million of them take
    about a second at 33 nodes a side.

    Args:
        source: colours `[N, 3]` or images `[..., 3, H, W]`, sRGB-encoded in [0, 1] or integers of full range.
        target: what each of them becomes, of the same shape.
        size: nodes a side.
        smoothness: the weight of the thin-plate energy, over 0; larger averages more noise away.
        weights: `[N]` or `[..., H, W]`, at least 0; all alike by default.
        robust: down-weights pairs that disagree with the rest (retouched spots, things that moved).

    Raises:
        InputError: shapes that differ, no pixels, a value that is not finite, weights that sum to nothing, a size
            under 2, or a smoothness that is not over 0.
    """
    if source.shape != target.shape:
        raise InputError(f"source and target must have one shape, not {list(source.shape)} and {list(target.shape)}")
    if size < 2:
        raise InputError(f"a LUT has at least 2 nodes a side, not {size}")
    if not smoothness > 0:
        raise InputError(f"the smoothness of a fit is over 0, not {smoothness}")
    x, y = _colours(source, "source"), _colours(target, "target")
    w = np.ones(len(x)) if weights is None else weights.detach().double().cpu().numpy().reshape(-1)
    if len(w) != len(x) or not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise InputError(f"weights must be {len(x)} finite numbers of at least 0, and not all 0")
    table = _fit_table(x, y, w, size, smoothness)
    if robust:
        for _ in range(ROBUST_ROUNDS):
            table = _fit_table(x, y, w * _trust(table, x, y, w), size, smoothness)
    table = table.clip(min(0.0, y.min()), max(1.0, y.max()))
    return Lut(torch.from_numpy(table).to(source.device, torch.float32))


def invert(lut: Lut, size: int) -> Lut:
    """The LUT of `size` nodes a side that undoes `lut`: `inverse(lut(x))` is near `x`.

    A fit of `lut`'s inputs over its outputs on a dense grid, each weighted by the volume it maps to, so that what
    `lut` clips or folds together hardly counts: there, as for colours that `lut` never gives, the inverse
    continues smoothly what can be undone. Its domain is [0, 1] where `lut`'s is, else the box of `lut`'s outputs.

    Raises:
        InputError: a batch of LUTs, or a LUT with a domain whose outputs are constant in a channel.
    """
    if lut.batch is not None:
        raise InputError("invert takes one LUT at a time; index the batch first")
    count = 2 * max(size, lut.size) - 1
    nodes = identity_table(count, dtype=torch.float64)
    if lut.domain is not None:
        low, high = lut.domain.to(nodes)[:, :, None, None, None]
        nodes = low + nodes * (high - low)
    outputs = sample_nodes(lut.to("cpu", torch.float64), nodes)
    x, y = (table.reshape(3, -1).T.numpy() for table in (outputs, nodes))
    domain = None
    if lut.domain is not None:
        low, high = x.min(0), x.max(0)
        if (low == high).any():
            raise InputError("a LUT that gives one value for all of a channel has no inverse")
        x, domain = (x - low) / (high - low), torch.from_numpy(np.stack([low, high])).to(lut.table)
    table = _fit_table(x, y, _volume(outputs), size, SMOOTHNESS)
    table = table.clip(y.min(0)[:, None, None, None], y.max(0)[:, None, None, None])
    title = f"inverse of {lut.title}" if lut.title else ""
    return Lut(torch.from_numpy(table).to(lut.table), domain, title=title)


def _volume(table: Tensor) -> Floats:
    """The volume that a colour map `[3, N, N, N]` gives the surroundings of every node, flat, 1 for the identity."""
    slopes = torch.stack(torch.gradient(table, dim=(1, 2, 3)))  # [axis, channel, N, N, N]
    volume = torch.linalg.det(slopes.permute(2, 3, 4, 0, 1)).abs() * (table.shape[-1] - 1) ** 3
    return (volume + MERGED).flatten().numpy()


def _colours(values: Tensor, name: str) -> Floats:
    """Colours `[N, 3]` or images `[..., 3, H, W]` as `[N, 3]` floats in full range 1."""
    axis = 1 if values.dim() == 2 else -3
    if values.dim() < 2 or values.shape[axis] != 3 or values.numel() == 0:
        raise InputError(f"{name}: colours are [N, 3] or [..., 3, H, W], not {list(values.shape)}")
    peak = 1 if values.dtype.is_floating_point else torch.iinfo(values.dtype).max
    colours = values.detach().movedim(axis, -1).reshape(-1, 3).double().cpu().numpy() / peak
    if not np.isfinite(colours).all():
        raise InputError(f"{name}: a colour is not finite")
    return colours


def _fit_table(x: Floats, y: Floats, weights: Floats, size: int, smoothness: float) -> Floats:
    """The table `[3, S, S, S]` of the fit of `y` `[N, 3]` over `x` `[N, 3]`; `x` clamps to [0, 1] as in a LUT."""
    x = x.clip(0, 1)
    affine = _affine(x, y, weights)
    sums = accumulate(x, y - _homogeneous(x) @ affine, weights, size)
    matrix, right = assemble(sums, SATURATION / (sums.mass + SATURATION))
    matrix = matrix + smoothness * bending_energy(size, tension=TENSION, pull=PULL)
    nodes = identity_table(size, dtype=torch.float64).reshape(3, -1).T.numpy()
    values = _homogeneous(nodes) @ affine + Multigrid(matrix, size).solve(right)
    return np.ascontiguousarray(values.T).reshape(3, size, size, size)


def _affine(x: Floats, y: Floats, weights: Floats) -> Floats:
    """The affine map `[4, 3]` from `x` to `y` by least squares, towards the identity where the colours do not say."""
    h = _homogeneous(x)
    weighted = h * (weights / weights.sum())[:, None]
    return np.linalg.solve(weighted.T @ h + RIDGE * np.eye(4), weighted.T @ y + RIDGE * np.eye(4, 3))


def _homogeneous(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _trust(table: Floats, x: Floats, y: Floats, weights: Floats) -> Floats:
    """Geman and McClure's weights `[N]` of reweighted least squares, for an error scale of the median."""
    colours = torch.from_numpy(x.T.copy())[:, None]  # [3, 1, N] is an image
    fitted = Lut(torch.from_numpy(table))(colours)[:, 0].T.numpy()
    error = np.linalg.norm(fitted - y, axis=1)
    scale = max(NOISE, 2 * float(np.median(error[weights > 0])))
    return 1 / (1 + (error / scale) ** 2) ** 2
