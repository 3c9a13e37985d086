"""What a LUT does to a picture that a colourist would want to know before using it, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import lab_to_lch, srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.lut.lut import Lut, identity_table, sample_nodes
from lutgrade.ops.lut3d import MAX_SIZE

# Beyond these a finding is reported. Creative grades may well mean what is found.
MAX_OUTSIDE = 0.01  # share of nodes whose values an 8-bit file cuts off
MAX_CLIPPED = 0.05  # share of colours that lose their detail in a channel
MAX_FALL = 2.0  # 8-bit codes: a brighter grey that comes out darker shows as a ring around highlights
MAX_SLOPE_CHANGE = 0.8  # RMS over the cube; strong creative grades have 0.2 to 0.6
MAX_WORST_SLOPE_CHANGE = 10.0  # from flat to ten times the input in one cell; strong grades reach 9 where they clip
MAX_STEP = 10.0  # 8-bit codes between neighbouring codes, visible as a band in a sky even where it is uniform
MAX_JUMP = 3.5  # times the steps around it, an edge amid a gradient; film stocks reach 2.5
MAX_CAST = 10.0  # chroma of a graded grey; 2 to 3 is just noticeable, film stocks have 5 to 8
MAX_SKIN_HUE = 12.0  # degrees; skin of all tones lies within about 15 of 57 degrees
MAX_SKIN_DIFFERENCE = 20.0  # CIEDE2000, a colour that is no longer called the same

# sRGB codes: the two skin patches of the ColorChecker, then a ramp of our own from very light to very dark at the
# hues (50 to 61 degrees) and chromas (16 to 26) where measured skin lies, for Fitzpatrick's types I to VI.
SKIN = (
    *((194, 150, 130), (115, 82, 68)),
    *((226, 192, 170), (205, 166, 139), (184, 141, 112), (158, 115, 87), (129, 90, 69), (97, 69, 57)),
)
LUMA = (0.2126, 0.7152, 0.0722)
ROUNDING = 1e-6  # what six decimals of a file, or float32, can put a value outside [0, 1] by
PLAIN_SIZE = 33  # nodes a side that a LUT with a shaper or a domain is measured on
WINDOW = 16  # 8-bit codes to each side that a step is compared with
LEAST_CHROMA = 5.0  # below this a colour is a grey and its hue is noise
# CIELAB hue angles where names begin; sRGB's own primaries are at 40 (red), 136 (green) and 306 (blue) degrees.
_HUE_STARTS = (
    *((15, "red"), (50, "orange"), (80, "yellow"), (115, "green")),
    *((170, "cyan"), (240, "blue"), (315, "magenta")),
)
HUES = tuple(name for _, name in _HUE_STARTS)


@dataclass(frozen=True)
class Quality:
    """Measures of a LUT on sRGB-encoded colours in [0, 1]; codes are 8-bit, 0 to 255."""

    lowest: float  # the smallest value at a node
    highest: float  # the largest
    outside: float  # share of nodes with a value outside [0, 1]
    clipped: float  # share of inner colours (codes 10 to 245) with a channel driven to code 0 or 255
    grey_range: float  # codes from the luma of black to that of white, negative for a negative
    grey_fall: float  # codes by which the luma of the grey ramp falls while its input rises
    channel_falls: tuple[float, float, float]  # the same of R, G and B
    slope_change: float  # RMS change of slope from one cell to the next; the identity has slope 1, change 0
    worst_slope_change: float
    largest_step: float  # codes between neighbouring input codes on 13 ramps; the identity has 1
    largest_jump: float  # that step over the median of the steps around it, where it stands out most
    skin_hue_shift: float  # degrees, mean over skin colours, positive towards yellow and green
    skin_difference: float  # CIEDE2000, mean over skin colours
    worst_skin_difference: float
    grey_cast: float  # the largest CIELAB chroma of a graded grey
    grey_cast_hue: str  # what that cast is called

    @property
    def findings(self) -> list[str]:
        """What to look at, in plain words; empty for a LUT without any."""
        checks = [
            (
                self.outside > MAX_OUTSIDE,
                f"{self.outside:.1%} of the nodes lie outside [0, 1] ({self.lowest:.3f} to {self.highest:.3f}): "
                "formats of integers and 8-bit pictures cut them off",
            ),
            (
                self.clipped > MAX_CLIPPED,
                f"clips: {self.clipped:.1%} of colours with detail are driven to 0 or 255 in a channel",
            ),
            (
                self.grey_fall >= MAX_FALL,
                "inverts tones: white comes out darker than black"
                if self.grey_range < 0
                else f"not monotonic: along the grey axis brightness falls back by {self.grey_fall:.1f} codes",
            ),
            (
                max(self.channel_falls) >= MAX_FALL > self.grey_fall,
                f"not monotonic: a channel falls back by {max(self.channel_falls):.1f} codes along the grey axis",
            ),
            (
                self.slope_change > MAX_SLOPE_CHANGE or self.worst_slope_change > MAX_WORST_SLOPE_CHANGE,
                f"not smooth: between cells the slope changes by {self.slope_change:.2f} (RMS), "
                f"{self.worst_slope_change:.1f} at worst",
            ),
            (
                self.largest_step > MAX_STEP or self.largest_jump > MAX_JUMP,
                f"banding: neighbouring codes come out {self.largest_step:.1f} codes apart, "
                f"up to {self.largest_jump:.1f} times as far as those around them",
            ),
            (
                abs(self.skin_hue_shift) > MAX_SKIN_HUE,
                f"skin turns {'yellow or green' if self.skin_hue_shift > 0 else 'red or magenta'}: "
                f"{self.skin_hue_shift:+.0f} degrees of hue",
            ),
            (
                self.skin_difference > MAX_SKIN_DIFFERENCE,
                f"skin changes strongly: CIEDE2000 {self.skin_difference:.0f} on average",
            ),
            (
                self.grey_cast > MAX_CAST,
                f"greys take a cast of {self.grey_cast_hue}: chroma up to {self.grey_cast:.0f}",
            ),
        ]
        return [text for found, text in checks if found]

    def report(self) -> str:
        """The measures with their units and the findings, as lines of text."""
        falls = " ".join(f"{fall:.1f}" for fall in self.channel_falls)
        cast = f" ({self.grey_cast_hue})" if self.grey_cast >= LEAST_CHROMA else ""
        rows = {
            "values": f"{self.lowest:.4f} to {self.highest:.4f}, {self.outside:.1%} of nodes outside [0, 1]",
            "clipping": f"{self.clipped:.1%} of colours with detail",
            "grey axis": f"{self.grey_range:.0f} codes, falls by {self.grey_fall:.1f} (R G B: {falls})",
            "slope changes by": f"{self.slope_change:.3f} a cell (RMS), {self.worst_slope_change:.2f} at worst",
            "largest 8-bit step": f"{self.largest_step:.1f} codes, {self.largest_jump:.1f} x its surroundings",
            "cast of greys": f"chroma {self.grey_cast:.1f}{cast}",
            "skin hue": f"{self.skin_hue_shift:+.1f} degrees",
            "skin CIEDE2000": f"{self.skin_difference:.1f} mean, {self.worst_skin_difference:.1f} worst",
        }
        lines = [f"{label:<20}{text}" for label, text in rows.items()]
        return "\n".join(lines + ([f"! {finding}" for finding in self.findings] or ["nothing to note"]))


def assess(lut: Lut) -> Quality:
    """Measures one LUT on sRGB-encoded colours in [0, 1].

    Raises:
        InputError: a batch of LUTs, or a LUT that is too large to apply.
    """
    if lut.batch is not None:
        raise InputError(f"quality is of one LUT, not of a batch of {lut.batch}")
    if lut.size > MAX_SIZE:
        raise InputError(f"this LUT has {lut.size} nodes a side, more than {MAX_SIZE}; resize it first")
    lut = lut.to("cpu", torch.float32)
    plain = lut if lut.unit_domain and lut.shaper is None else Lut.from_function(lut, PLAIN_SIZE)
    outside = ((plain.table < -ROUNDING) | (plain.table > 1 + ROUNDING)).any(0)
    greys = lut(_ramp(torch.ones(3)))
    luma = (greys[:, 0] * torch.tensor(LUMA)[:, None]).sum(0)
    red, green, blue = (_fall(channel) for channel in greys[:, 0])
    slope_change, worst_slope_change = _slope_changes(plain)
    largest_step, largest_jump = _steps(lut)
    skin_hue_shift, skin_difference, worst_skin_difference = _skin(lut)
    grey_cast, grey_cast_hue = _cast(greys)
    return Quality(
        lowest=plain.table.min().item(),
        highest=plain.table.max().item(),
        outside=outside.float().mean().item(),
        clipped=_clipped(lut),
        grey_range=(luma[-1] - luma[0]).item() * 255,
        grey_fall=_fall(luma),
        channel_falls=(red, green, blue),
        slope_change=slope_change,
        worst_slope_change=worst_slope_change,
        largest_step=largest_step,
        largest_jump=largest_jump,
        skin_hue_shift=skin_hue_shift,
        skin_difference=skin_difference,
        worst_skin_difference=worst_skin_difference,
        grey_cast=grey_cast,
        grey_cast_hue=grey_cast_hue,
    )


def hue_index(degrees: Tensor) -> Tensor:
    """Which of `HUES` a CIELAB hue angle in [0, 360) is, elementwise."""
    starts = torch.tensor([start for start, _ in _HUE_STARTS], dtype=degrees.dtype)
    return torch.remainder(torch.bucketize(degrees, starts, right=True) - 1, len(_HUE_STARTS))


def _ramp(end: Tensor, start: Tensor | None = None) -> Tensor:
    """All 256 codes on the way from `start` (black by default) to `end`, `[3, 1, 256]`."""
    position = torch.linspace(0, 1, 256)
    start = torch.zeros(3) if start is None else start
    return (start[:, None] + (end - start)[:, None] * position)[:, None]


def _fall(values: Tensor) -> float:
    """Codes by which `[N]` values in [0, 1] drop below the largest before them."""
    values = values.clamp(0, 1)
    return (values.cummax(0).values - values).max().item() * 255


def _clipped(lut: Lut) -> float:
    inner = identity_table(17) * (235 / 255) + 10 / 255  # codes 10 to 245
    codes = sample_nodes(lut, inner) * 255
    return ((codes < 0.5) | (codes > 254.5)).any(0).float().mean().item()


def _slope_changes(lut: Lut) -> tuple[float, float]:
    """RMS and largest second difference between nodes, over the cell's width: the change of slope."""
    changes = [lut.table.diff(n=2, dim=axis).abs().flatten() * (lut.size - 1) for axis in (1, 2, 3)]
    joined = torch.cat(changes)
    return (joined.square().mean().sqrt().item(), joined.max().item()) if len(joined) else (0.0, 0.0)


def _steps(lut: Lut) -> tuple[float, float]:
    """The largest step between neighbouring codes, and the largest ratio of one to the median around it."""
    hues = torch.tensor(list(product((0.0, 1.0), repeat=3))[1:-1])  # R, G, B and their mixtures
    ramps = [_ramp(torch.ones(3)), *map(_ramp, hues), *(_ramp(torch.ones(3), hue) for hue in hues)]
    graded = lut(torch.cat(ramps, 1)).clamp(0, 1) * 255  # [3, 13, 256]
    steps = graded.diff(dim=-1).abs()
    windows = torch.nn.functional.pad(steps, (WINDOW, WINDOW), mode="replicate").unfold(-1, 2 * WINDOW + 1, 1)
    jumps = steps / windows.median(-1).values.clamp(min=1)
    return steps.max().item(), jumps.max().item()


def _skin(lut: Lut) -> tuple[float, float, float]:
    """Mean shift of hue in degrees, mean and largest CIEDE2000, of skin colours."""
    skin = (torch.tensor(SKIN) / 255).T[:, None]  # [3, 1, 8]
    before, after = srgb_to_lab(skin), srgb_to_lab(lut(skin).clamp(0, 1))
    difference = ciede2000(before, after)
    old, new = lab_to_lch(before), lab_to_lch(after)
    shift = torch.remainder(new[2] - old[2] + 180, 360) - 180
    coloured = new[1] >= LEAST_CHROMA
    hue_shift = shift[coloured].mean().item() if bool(coloured.any()) else 0.0
    return hue_shift, difference.mean().item(), difference.max().item()


def _cast(greys: Tensor) -> tuple[float, str]:
    """The largest chroma of graded greys `[3, 1, 256]`, without the darkest and the brightest, and its name."""
    lch = lab_to_lch(srgb_to_lab(greys.clamp(0, 1)))[:, 0, 16:240]
    worst = int(lch[1].argmax())
    return lch[1, worst].item(), HUES[int(hue_index(lch[2, worst]))]
