"""Pictures of code values (Y, Cb, Cr) through a LUT in one pass, with no RGB in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lutgrade.errors import LutgradeError
from lutgrade.ops.cpu import available, library, packed_table
from lutgrade.ops.lut3d import apply_lut
from lutgrade.ops.threads import parallel_for

_ROWS = 16  # of chroma: the least work that is worth a thread


@dataclass(frozen=True)
class PlaneCoding:
    """What the codes of Y, Cb and Cr mean, and how they lie.

    Attributes:
        bits: of a sample, which takes two bytes where they are more than 8.
        luma: the codes of black and white.
        chroma: the code of neutral, and the codes from -0.5 to 0.5.
        weights: of red and blue in luma.
        shift: log2 of the chroma subsampling along x and y, 0 or 1.
    """

    bits: int
    luma: tuple[float, float]
    chroma: tuple[float, float]
    weights: tuple[float, float]
    shift: tuple[int, int]

    @property
    def steps(self) -> tuple[float, float, float]:
        """Of Y, R - Y and B - Y in [0, 1] terms, per code."""
        (black, white), (_, span), (kr, kb) = self.luma, self.chroma, self.weights
        return 1 / (white - black), 2 * (1 - kr) / span, 2 * (1 - kb) / span


class _Codes(ctypes.Structure):
    _fields_ = (
        ("plane", ctypes.c_void_p * 3),
        ("stride", ctypes.c_int64 * 3),
        ("black", ctypes.c_float),
        ("neutral", ctypes.c_float),
        ("wide", ctypes.c_int32),
        ("peak", ctypes.c_float),
    )

    @classmethod
    def of(cls, planes: Sequence[np.ndarray], coding: PlaneCoding, shapes: Sequence[tuple[int, int]]) -> _Codes:
        item = 2 if coding.bits > 8 else 1
        for plane, shape in zip(planes, shapes, strict=True):  # the kernel goes by these alone
            assert (plane.shape, plane.itemsize, plane.strides[1]) == (shape, item, item)
        return cls(
            (ctypes.c_void_p * 3)(*(plane.ctypes.data for plane in planes)),
            (ctypes.c_int64 * 3)(*(plane.strides[0] for plane in planes)),
            coding.luma[0],
            coding.chroma[0],
            coding.bits > 8,
            (1 << coding.bits) - 1,
        )


class _PlanesJob(ctypes.Structure):
    _fields_ = (
        ("source", _Codes),
        ("target", _Codes),
        ("table", ctypes.c_void_p),
        ("steps", ctypes.c_float * 3),
        ("weights", ctypes.c_float * 2),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("size", ctypes.c_int32),
        ("tetrahedral", ctypes.c_int32),
        ("halved_x", ctypes.c_int32),
        ("halved_y", ctypes.c_int32),
        ("thresholds", ctypes.c_float * 64),
    )


class PlanesLut:
    """A LUT for pictures of code values; one object serves all frames that it grades.

    Chroma goes up to the size of luma and down again as `lutgrade.video.chroma` has it, and the arithmetic is float32,
    so that the identity returns every code of a colour in gamut.
    """

    def __init__(self, table: Tensor, interpolation: str, source: PlaneCoding, target: PlaneCoding) -> None:
        """`table` is `[3, S, S, S]` on the CPU; `target` has the chroma subsampling of `source`.

        Raises:
            InputError: a table or an interpolation that `lutgrade.ops.apply_lut` does not take.
        """
        assert source.shift == target.shift
        assert table.dim() == 4
        apply_lut(torch.zeros(3, 1, 1), table, interpolation=interpolation)
        self._source, self._target = source, target
        self._table = packed_table(_coded(table, target))  # kept alive here
        self._size, self._tetrahedral = table.shape[-1], interpolation == "tetrahedral"
        self._run = library().lut3d_planes
        self._run.argtypes = [ctypes.POINTER(_PlanesJob), ctypes.c_int64, ctypes.c_int64]
        self._run.restype = ctypes.c_int32

    @staticmethod
    def available() -> bool:
        """Whether the compiled library was found, and is no older one, without this kernel or with another job."""
        if not (available() and hasattr(library(), "lut3d_planes_job_bytes")):
            return False
        return library().lut3d_planes_job_bytes() == ctypes.sizeof(_PlanesJob)

    def __call__(self, source: Sequence[np.ndarray], target: Sequence[np.ndarray], thresholds: np.ndarray) -> None:
        """Grades the planes Y, Cb, Cr (`[h, w]` uint8 or uint16, rows in one piece each) of one picture into others.

        Args:
            thresholds: `[8, 8]` in [0, 1], repeated over each plane: what is added to a code before it is cut to a
                whole number.
        """
        height, width = source[0].shape
        shift_x, shift_y = self._source.shift
        rows, columns = (-(-height // 2) if shift_y else height), (-(-width // 2) if shift_x else width)
        shapes = [(height, width), (rows, columns), (rows, columns)]
        job = _PlanesJob(
            _Codes.of(source, self._source, shapes),
            _Codes.of(target, self._target, shapes),
            self._table.data_ptr(),
            (ctypes.c_float * 3)(*self._source.steps),
            (ctypes.c_float * 2)(*self._source.weights),
            height,
            width,
            self._size,
            self._tetrahedral,
            shift_x,
            shift_y,
            (ctypes.c_float * 64)(*thresholds.ravel().tolist()),
        )

        def run(begin: int, end: int) -> None:
            if self._run(job, begin, end):
                raise LutgradeError("out of memory while a frame was graded")

        parallel_for(run, rows, grain=_ROWS)


def _coded(table: Tensor, coding: PlaneCoding) -> Tensor:
    """A table `[3, S, S, S]` to RGB as one to Y, Cr and Cb, in codes above black and neutral.

    All that follows the LUT is linear in what it gives, and so may as well be done to its nodes.
    """
    kr, kb = coding.weights
    red, green, blue = table.double()
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    luma_step, red_step, blue_step = coding.steps
    return torch.stack([luma / luma_step, (red - luma) / red_step, (blue - luma) / blue_step]).float()
