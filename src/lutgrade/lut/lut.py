"""`Lut`: a colour map as a 3-D table, with an input domain and a 1-D shaper in front where it has them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.ops import apply_lut
from lutgrade.ops.lut3d import MAX_SIZE

BAKED_SIZE = 65  # nodes a side at the least, where what is no table is made one: a shaper, a file's operations


def identity_table(
    size: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """The table `[3, S, S, S]` (channel, blue, green, red) that maps every colour to itself."""
    nodes = torch.linspace(0, 1, size, dtype=torch.float64).to(dtype=dtype, device=device)
    blue, green, red = torch.meshgrid(nodes, nodes, nodes, indexing="ij")
    return torch.stack([red, green, blue])


@dataclass(frozen=True, eq=False)
class Lut:
    """A colour map: `cube(shaper((x - low) / (high - low)))`, on files and in models alike.

    Args:
        table: `[3, S, S, S]` or `[B, 3, S, S, S]` (channel, blue, green, red); absolute, never a residual.
        domain: `[2, 3]`, the lowest and highest input per channel; None is [0, 1].
        shaper: `[3, M]`, a 1-D curve per channel over the domain, whose values are cube coordinates in [0, 1]
            (beyond them, the cube's border holds); None is none.
        title: what a file calls it.
    """

    table: Tensor
    domain: Tensor | None = None
    shaper: Tensor | None = None
    title: str = ""

    def __post_init__(self) -> None:
        shape = tuple(self.table.shape)
        if len(shape) not in (4, 5) or shape[-4] != 3 or len(set(shape[-3:])) != 1 or shape[-1] < 2:
            raise InputError(f"a LUT table is [3, S, S, S] or [B, 3, S, S, S] with S >= 2, not {list(shape)}")
        if self.domain is not None:
            if tuple(self.domain.shape) != (2, 3):
                raise InputError(f"a LUT domain is [2, 3], not {list(self.domain.shape)}")
            if not bool((self.domain[1] > self.domain[0]).all()):
                raise InputError(f"a LUT domain must not be empty: {self.domain.tolist()}")
        if self.shaper is not None and (
            self.shaper.dim() != 2 or self.shaper.shape[0] != 3 or self.shaper.shape[1] < 2
        ):
            raise InputError(f"a LUT shaper is [3, M] with M >= 2, not {list(self.shaper.shape)}")

    # Making one

    @classmethod
    def identity(cls, size: int = 33, *, device: torch.device | str | None = None) -> Lut:
        """The LUT of `size` nodes a side that changes nothing."""
        return cls(identity_table(size, device=device), title="identity")

    @classmethod
    def from_function(cls, function: Callable[[Tensor], Tensor], size: int = 33, *, title: str = "") -> Lut:
        """Samples a pointwise colour map (`[B, 3, H, W]` to the same) at the nodes of a cube over [0, 1]."""
        return cls(sample_nodes(function, identity_table(size)), title=title)

    @classmethod
    def from_curves(cls, curves: Tensor, domain: Tensor | None = None, *, title: str = "") -> Lut:
        """The LUT that maps each channel by its own curve, `[3, M]` over the domain, exactly.

        The curve scaled to [0, 1] is the shaper; a cube of two nodes, which is affine, undoes the scaling.
        """
        wide = curves.double()
        low = wide.amin(1).clamp(max=0)  # [0, 1] stays as it is
        high = wide.amax(1).clamp(min=1)
        scale = (high - low)[:, None]
        shaper = (wide - low[:, None]) / scale
        table = low[:, None, None, None] + identity_table(2).to(wide) * scale[:, :, None, None]
        return cls(table.to(curves), domain, shaper.to(curves), title)

    @classmethod
    def from_residual(cls, residual: Tensor, *, title: str = "") -> Lut:
        """The LUT that adds `residual` (`[3, S, S, S]` or `[B, 3, S, S, S]`) to the identity."""
        identity = identity_table(residual.shape[-1], dtype=residual.dtype, device=residual.device)
        return cls(identity + residual, title=title)

    @classmethod
    def load(cls, path: str | Path) -> Lut:
        """Reads a LUT file of any supported format (`lutgrade.lut.formats`)."""
        from lutgrade.lut.formats import load

        return load(path)

    def save(self, path: str | Path) -> Path:
        """Writes a LUT file; the extension names the format."""
        from lutgrade.lut.formats import save

        return save(self, path)

    # Reading it

    @property
    def size(self) -> int:
        """Nodes a side."""
        return self.table.shape[-1]

    @property
    def batch(self) -> int | None:
        """How many LUTs this holds, None for a single one without a batch axis."""
        return self.table.shape[0] if self.table.dim() == 5 else None

    @property
    def unit_domain(self) -> bool:
        """Whether the inputs go from 0 to 1, said or not."""
        return self.domain is None or self.domain.tolist() == [[0, 0, 0], [1, 1, 1]]

    def __getitem__(self, index: int) -> Lut:
        """One LUT of a batch."""
        if self.batch is None:
            raise IndexError("this Lut has no batch axis")
        return dataclasses.replace(self, table=self.table[index])

    def to(self, *args: object, **kwargs: object) -> Lut:
        """The same LUT on another device or in another dtype, with `Tensor.to`'s arguments."""
        move = [None if t is None else t.to(*args, **kwargs) for t in (self.table, self.domain, self.shaper)]  # type: ignore[call-overload]
        assert move[0] is not None
        return Lut(move[0], move[1], move[2], self.title)

    def residual(self) -> Tensor:
        """What the LUT adds to the identity over its domain, shaped as the table; without a shaper only."""
        if self.shaper is not None:
            raise InputError("a LUT with a shaper has no residual on its own nodes; resize() bakes the shaper in")
        return self.table - self._inputs()

    # Applying it

    def __call__(self, image: Tensor, *, interpolation: str = "trilinear") -> Tensor:
        """Grades `[..., 3, H, W]` images, floats in the domain or full-range integers; the dtype is kept."""
        if self.domain is None and self.shaper is None:
            return apply_lut(image, self.table, interpolation=interpolation)
        # Coordinates in float32 at least: bfloat16 has too few bits for the index into a shaper.
        x = image.to(torch.promote_types(image.dtype, torch.float32))
        if image.dtype.is_floating_point:
            return apply_lut(self._coordinates(x), self.table, interpolation=interpolation).to(image.dtype)
        peak = torch.iinfo(image.dtype).max
        out = apply_lut(self._coordinates(x / peak), self.table, interpolation=interpolation)
        return (out.clamp(0, 1) * peak).round().to(image.dtype)

    def _coordinates(self, x: Tensor) -> Tensor:
        """Input values `[..., 3, H, W]` to cube coordinates: the domain, then the shaper."""
        if self.domain is not None:
            low, high = self.domain.to(x)[:, :, None, None]
            x = (x - low) / (high - low)
        return x if self.shaper is None else _shape(x, self.shaper.to(x))

    def _inputs(self) -> Tensor:
        """The input colour at every node, `[3, S, S, S]`; exact without a shaper."""
        nodes = identity_table(self.size, dtype=self.table.dtype, device=self.table.device)
        if self.domain is None:
            return nodes
        low, high = self.domain.to(self.table)[:, :, None, None, None]
        return low + nodes * (high - low)

    # Making another of it

    def resize(self, size: int, *, interpolation: str = "trilinear") -> Lut:
        """The same map on `size` nodes a side over the same domain; a shaper is baked in.

        From S to k (S - 1) + 1 nodes, with a whole number k, trilinear resampling is exact.
        """
        if size == self.size and self.shaper is None:
            return self
        if self.size > MAX_SIZE:
            return self._reduced(MAX_SIZE).resize(size, interpolation=interpolation)
        nodes = dataclasses.replace(Lut.identity(size).to(self.table), domain=self.domain)._inputs()
        return Lut(
            sample_nodes(lambda x: self(x, interpolation=interpolation), nodes, self.batch),
            self.domain,
            title=self.title,
        )

    def _reduced(self, size: int) -> Lut:
        """Fewer nodes behind the same domain and shaper, for tables that are too large for the operator."""
        table = self.table if self.table.dim() == 5 else self.table[None]
        table = torch.nn.functional.interpolate(table, (size,) * 3, mode="trilinear", align_corners=True)
        return dataclasses.replace(self, table=table if self.table.dim() == 5 else table[0])

    def compose(self, after: Lut, *, size: int | None = None) -> Lut:
        """The LUT that applies this one, then `after`, on `size` nodes (by default the larger of the two)."""
        first = self.resize(size or max(self.size, after.size))
        batch = first.batch if first.batch is not None else after.batch
        table = first.table.expand(batch, *first.table.shape[-4:]) if batch is not None else first.table
        shape = table.shape
        flat = table.reshape(*shape[:-3], shape[-1], -1)  # [(B,) 3, S, S * S] is an image
        return Lut(after(flat).reshape(shape), first.domain, title=self.title or after.title)

    def blend(self, strength: float) -> Lut:
        """Mixes the grade with the identity: 0 is exactly the identity, 1 this LUT, above 1 extrapolates.

        A shaper is baked in, unless the strength is 1.

        Raises:
            InputError: the strength is not finite.
        """
        if not math.isfinite(strength):
            raise InputError(f"a strength is a finite number, not {strength}")
        if strength == 1:
            return self
        plain = self if self.shaper is None else self.resize(max(self.size, BAKED_SIZE))
        inputs = plain._inputs().expand_as(plain.table)
        table = inputs.clone() if strength == 0 else torch.lerp(inputs, plain.table, strength)
        return dataclasses.replace(plain, table=table)

    def inverse(self, size: int | None = None) -> Lut:
        """The LUT that undoes this one where it can be undone (`lutgrade.lut.fit.invert`)."""
        from lutgrade.lut.fit import invert

        return invert(self, size or self.size)


def sample_nodes(function: Callable[[Tensor], Tensor], nodes: Tensor, batch: int | None = None) -> Tensor:
    """Evaluates a colour map at node colours `[3, S, S, S]`, as a `[B, 3, S, S * S]` image, to a table."""
    size = nodes.shape[-1]
    image = nodes.reshape(1, 3, size, -1).expand(batch or 1, -1, -1, -1)
    table = function(image).reshape(-1, 3, size, size, size)
    return table if batch is not None else table[0]


def _shape(x: Tensor, shaper: Tensor) -> Tensor:
    """Maps `[..., 3, H, W]` through a curve per channel over [0, 1], linear in between, clamped at the ends.

    NaN maps as 0, as the operator has it.
    """
    last = shaper.shape[1] - 1
    position = x.nan_to_num(0.0).clamp(0, 1) * last
    low = position.floor().clamp(max=last - 1)
    index = low.long()
    channels = []
    for c in range(3):
        i = index.select(-3, c)
        channels.append(torch.lerp(shaper[c][i], shaper[c][i + 1], (position - low).select(-3, c)))
    return torch.stack(channels, dim=-3)
