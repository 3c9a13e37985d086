"""The paired protocol: a photograph's two overlapping halves, one of them graded with a known LUT."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lutgrade.data.splits import WHERE, files_by_name
from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut import Lut
from lutgrade.protocols import Sample
from lutgrade.video.stills import read_still

HEIGHT, WIDTH = 256, 384
CONTENT = slice(0, 230)  # columns: the left 60 %
REFERENCE = slice(154, 384)  # columns: the right 60 %
SHRUNK, JPEG_QUALITY = 0.63, 60
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}


class PairedProtocol:
    """Iterates over the pairs of photographs and LUTs that a reference grade is scored on.

    A photograph is resized to 384x256 whatever its shape (antialiased bilinear). The content is its left 60 %, the
    reference its right 60 % graded with a LUT, the target the content graded with the same LUT. Each is quantised
    to 8 bits, as a file would hold it. A method sees content and reference and is scored against the target.

    Photograph `i` of the list, sorted by name, is graded with the LUTs `(i + j * L // k) % L` for `j < k`, of `L`
    LUTs sorted by name: every photograph is used `k` times, and every LUT when there are at least `L / k`
    photographs. The pairs follow from the file lists alone, so a photograph that cannot be read moves no other pair;
    it is left out, and `skipped` says why.

    Args:
        photos: a folder of images, or the image files.
        luts: a folder of LUT files, or the files.
        per_photo: k, how many LUTs a photograph is graded with; at most all of them.

    Raises:
        InputError: there are no photographs or no LUTs, or a LUT cannot be read.
    """

    def __init__(
        self, photos: str | Path | Iterable[Path], luts: str | Path | Iterable[Path], *, per_photo: int = 2
    ) -> None:
        self.photos = _files(photos, IMAGE_SUFFIXES, "photographs")
        self.luts = _files(luts, {".cube"}, "LUTs")
        if per_photo < 1:
            raise InputError(f"per_photo is {per_photo}; a photograph needs at least one LUT")
        self.per_photo = min(per_photo, len(self.luts))
        self.skipped: dict[Path, str] = {}

    @property
    def pairs(self) -> list[tuple[Path, Path]]:
        """The (photograph, LUT) files in the order of iteration."""
        return [(photo, lut) for i, photo in enumerate(self.photos) for lut in self._luts_of(i)]

    def __len__(self) -> int:
        return len(self.photos) * self.per_photo

    def __iter__(self) -> Iterator[Sample]:
        tables: dict[Path, Lut] = {}
        self.skipped = {}
        for i, path in enumerate(self.photos):
            try:
                photo = load_photo(path)
            except LutgradeError as error:
                self.skipped[path] = str(error)
                continue
            for lut_path in self._luts_of(i):
                if lut_path not in tables:
                    tables[lut_path] = Lut.load(lut_path)
                yield graded_pair(photo, tables[lut_path], name=f"{path.stem}/{lut_path.stem}")
        if self.skipped:
            names = ", ".join(path.name for path in self.skipped)
            warnings.warn(f"{len(self.skipped)} unreadable photographs left out: {names}", stacklevel=2)

    def _luts_of(self, photo: int) -> list[Path]:
        total = len(self.luts)
        return [self.luts[(photo + j * total // self.per_photo) % total] for j in range(self.per_photo)]


def graded_pair(photo: Tensor, lut: Lut, *, name: str = "") -> Sample:
    """The sample of one photograph `[3, 256, 384]` and one LUT; images of one frame, in steps of 1/255."""
    graded = quantise(lut(photo))
    return Sample(
        frames=photo[None, :, :, CONTENT],
        reference=graded[None, :, :, REFERENCE],
        target=graded[None, :, :, CONTENT],
        lut=_table(lut),
        name=name,
    )


def changed(pair: Sample, change: str) -> Sample:
    """A pair of the protocol made harder.

    Args:
        pair: as `graded_pair` makes it.
        change: "apart" leaves out what content and reference both show, "shrunk" resizes the reference to 0.63 of its
            size, "jpeg" compresses it at quality 60.

    Raises:
        InputError: no such change.
    """
    reference = pair.reference
    if change == "apart":
        shared = CONTENT.stop - REFERENCE.start
        own = slice(0, CONTENT.stop - shared)
        target = None if pair.target is None else pair.target[..., own]
        return replace(pair, frames=pair.frames[..., own], target=target, reference=reference[..., shared:])
    if change == "shrunk":
        size = [round(SHRUNK * side) for side in reference.shape[-2:]]
        return replace(pair, reference=quantise(interpolate(reference, size, mode="bilinear", antialias=True)))
    if change == "jpeg":
        return replace(pair, reference=torch.stack([_compressed(image) for image in reference]))
    raise InputError(f"a pair can be apart, shrunk or jpeg, not '{change}'")


def _compressed(image: Tensor) -> Tensor:
    """An image `[3, H, W]` as a JPEG file holds it."""
    import cv2

    codes = (image * 255).round().byte().permute(1, 2, 0).flip(2).contiguous()  # as OpenCV orders channels
    _, file = cv2.imencode(".jpg", codes.numpy(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return torch.from_numpy(cv2.imdecode(file, cv2.IMREAD_COLOR)).flip(2).permute(2, 0, 1).float() / 255


def load_photo(path: str | Path) -> Tensor:
    """Reads an image as the protocol's photograph, `[3, 256, 384]`, sRGB-encoded in steps of 1/255."""
    image = read_still(path).float()
    return quantise(interpolate(image[None], (HEIGHT, WIDTH), mode="bilinear", antialias=True)[0])


def quantise(image: Tensor) -> Tensor:
    """Rounds to the 256 levels of an 8-bit file, in [0, 1]."""
    return (image.clamp(0, 1) * 255).round() / 255


def film_fifth(folder: str | Path) -> list[Path]:
    """The film LUTs that are kept for measuring: of the files sorted by name, every index divisible by 5."""
    return _files(folder, {".cube"}, "LUTs")[::5]


def _table(lut: Lut) -> Tensor:
    """The cube of a LUT over [0, 1]; a domain or a shaper is baked into 33 nodes a side."""
    plain = lut.domain is None and lut.shaper is None
    return lut.table if plain else Lut.from_function(lut, 33).table


def _files(source: str | Path | Iterable[Path], suffixes: set[str], what: str) -> list[Path]:
    """The files of a folder with one of the suffixes, or the files given, sorted by name."""
    if isinstance(source, str | Path):
        folder = Path(source)
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder of {what}; {WHERE}")
        found = files_by_name(folder, suffixes)
    else:
        found = sorted(map(Path, source), key=lambda path: path.name)
    if not found:
        raise InputError(f"there are no {what} in {source}")
    return found
