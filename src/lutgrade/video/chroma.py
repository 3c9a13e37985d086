"""Chroma resampling that loses nothing: going up and down again returns every sample.

Along x, where H.264, HEVC and MPEG-2 site a chroma sample on every second luma sample, this is the 5/3
wavelet of Le Gall and Tabatabai (1988): up is linear interpolation, down is its low-pass filter
(-1, 2, 6, 2, -1) / 8. Along y, where a chroma sample lies between two luma samples, up follows the local
slope and down is the mean of the two. A grade that changes nothing therefore leaves 4:2:0 as it was, where
the usual pair of filters blurs it once more with every generation.
"""

from __future__ import annotations

import numpy as np


def upsample(chroma: np.ndarray, shift: tuple[int, int], out: np.ndarray) -> None:
    """`[P, h, w]` to `[P, H, W]` in `out`, both float; `shift` is log2 of the subsampling along x and y."""
    if shift[1]:
        chroma = _double_rows(chroma, out.shape[1])
    if shift[0]:
        _double_columns(chroma, out)
    else:
        out[:] = chroma


def downsample(chroma: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """`[P, H, W]` to `[P, h, w]`, float: undoes `upsample` exactly."""
    if shift[1]:
        chroma = _halve_rows(chroma)
    return _halve_columns(chroma) if shift[0] else chroma


def _double_rows(chroma: np.ndarray, height: int) -> np.ndarray:
    planes, rows, columns = chroma.shape
    quarter = np.zeros_like(chroma)  # the change over a quarter of a chroma row; none at the borders
    np.subtract(chroma[:, 2:], chroma[:, :-2], out=quarter[:, 1:-1])
    quarter *= 0.125
    pairs = np.empty((planes, rows, 2, columns), chroma.dtype)
    np.subtract(chroma, quarter, out=pairs[:, :, 0])
    np.add(chroma, quarter, out=pairs[:, :, 1])
    return pairs.reshape(planes, 2 * rows, columns)[:, :height]


def _halve_rows(chroma: np.ndarray) -> np.ndarray:
    height = chroma.shape[1]
    low = chroma[:, ::2].copy()
    low[:, : height // 2] += chroma[:, 1::2]
    low[:, : height // 2] *= 0.5
    return low  # the last row of an odd height stands alone


def _double_columns(chroma: np.ndarray, out: np.ndarray) -> None:
    between = np.empty_like(chroma)
    np.add(chroma[..., :-1], chroma[..., 1:], out=between[..., :-1])
    between[..., :-1] *= 0.5
    between[..., -1] = chroma[..., -1]
    for even, odd, target in zip(chroma, between, out, strict=True):
        _interleave(even, odd, target)


def _halve_columns(chroma: np.ndarray) -> np.ndarray:
    return np.stack([_low_pass(*_deinterleave(plane)) for plane in chroma])


def _low_pass(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """One lifting step of the 5/3 wavelet, mirrored at both ends: `[h, w]` and `[h, w]` or `[h, w - 1]`."""
    count = odd.shape[1]
    if count == 0:
        return even.copy()
    quarter = np.empty((even.shape[0], count + 2), even.dtype)  # of what interpolation misses, and its mirror
    detail = quarter[:, 1:-1]
    np.add(even[:, : count - 1], even[:, 1:count], out=detail[:, :-1])
    np.add(even[:, count - 1], even[:, -1], out=detail[:, -1])
    detail *= -0.5
    detail += odd
    detail *= 0.25
    quarter[:, 0], quarter[:, -1] = detail[:, 0], detail[:, -1]
    low = np.add(quarter[:, : even.shape[1]], quarter[:, 1 : even.shape[1] + 1])
    low += even
    return low


def _interleave(even: np.ndarray, odd: np.ndarray, out: np.ndarray) -> None:
    """Columns in turn to `[h, W]`. OpenCV does it five times as fast as strided stores, for an even width."""
    if out.shape[1] % 2:
        out[:, ::2], out[:, 1::2] = even, odd[:, :-1]
        return
    import cv2

    cv2.merge([even, odd], out.reshape(out.shape[0], -1, 2))


def _deinterleave(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if plane.shape[1] % 2:
        return np.ascontiguousarray(plane[:, ::2]), np.ascontiguousarray(plane[:, 1::2])
    import cv2

    even, odd = cv2.split(np.ascontiguousarray(plane).reshape(plane.shape[0], -1, 2))
    return even, odd
