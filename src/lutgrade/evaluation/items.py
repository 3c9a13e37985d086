"""What methods are evaluated on: lists of items, each a sample that is loaded when it is needed."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lutgrade.data.images import packaged_files, photo_files
from lutgrade.data.manifest import files_of
from lutgrade.data.pairs import PairedProtocol, changed, film_fifth, graded_pair, load_photo, quantise
from lutgrade.data.splits import files_by_name
from lutgrade.data.videos import clips_of
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import digest, file_digest
from lutgrade.lut import Lut, looks
from lutgrade.protocols import Sample


@dataclass(frozen=True)
class Item:
    """One thing to grade.

    Attributes:
        name: its own within its data set; with `/` between its parts, it is also a path to precomputed outputs.
        clip: the clip or photograph it shows; items of one are not independent.
        inputs: a digest of all that the sample is made from.
        load: reads the sample; an InputError where a file is broken.
    """

    name: str
    clip: str
    inputs: str
    load: Callable[[], Sample]


def paired(
    photos: str | Path, luts: str | Path, *, per_photo: int = 2, fifth: bool = False, change: str | None = None
) -> list[Item]:
    """The paired protocol (`lutgrade.data.PairedProtocol`) on a folder of photographs and one of LUTs.

    `fifth` takes the LUTs that `film_fifth` keeps for measuring, `change` is one of `lutgrade.data.pairs.changed`.
    """
    protocol = PairedProtocol(photos, film_fifth(luts) if fifth else luts, per_photo=per_photo)
    return [
        Item(
            f"{photo.stem}/{lut.stem}",
            photo.stem,
            digest("paired", file_digest(photo), file_digest(lut), *([change] if change else [])),
            partial(_photo_pair, photo, lut, change),
        )
        for photo, lut in protocol.pairs
    ]


def packaged_pairs(*, graded_with: Sequence[str]) -> list[Item]:
    """The paired protocol on the photographs that come with scikit-image, graded with looks of lutgrade's."""
    unknown = [look for look in graded_with if look not in looks()]
    if unknown:
        raise InputError(f"no look '{unknown[0]}'")
    return [
        Item(
            f"{photo.stem}/{look}",
            photo.stem,
            digest("packaged", file_digest(photo), look),
            partial(_look_pair, photo, look),
        )
        for photo in packaged_files()
        for look in graded_with
    ]


def clips(
    source: str | Path,
    references: str | Path,
    *,
    take: int = 3,
    frames: int = 150,
    max_side: int = 640,
    split: str | None = None,
) -> list[Item]:
    """Clips without a target, each to be graded to the same few references.

    Args:
        source: a folder of clips, or a manifest.
        references: a folder of images.
        take: how many of the references, sorted by name and evenly spaced.
        frames: of each clip, from its start.
        max_side: larger frames are shrunk to it.
        split: of a manifest.
    """
    images = photo_files(references)
    chosen = images[:: max(1, len(images) // take)][:take]
    return [
        Item(
            f"{clip.name}/{image.stem}",
            clip.name,
            digest("clips", file_digest(clip.path), file_digest(image), frames, max_side),
            partial(_clip_to, clip.path, image, frames, max_side),
        )
        for clip in clips_of(source, split=split)
        for image in chosen
    ]


def graded_clips(
    source: str | Path,
    luts: str | Path,
    *,
    per_clip: int = 1,
    frames: int = 480,
    size: int = 512,
    split: str | None = None,
) -> list[Item]:
    """Clips graded with known LUTs; the reference is the last graded frame (VCG, arXiv 2508.00548, Sec. 4.1).

    Clip `i` is graded with the LUTs `(i * k + j) % L` for `j < k`, of `L` LUTs sorted by name; the paper says only that
    10 LUTs are applied to its test split.

    Args:
        source: a folder of clips, or a manifest, with its `split`.
        luts: a folder of `.cube` files.
        per_clip: k, how many LUTs a clip is graded with.
        frames: of each clip, from its start.
        size: frames are cropped to their middle square and resized to this side.
    """
    cubes = files_by_name(luts, {".cube"}) if Path(luts).is_dir() else []
    if not cubes:
        raise InputError(f"{luts}: no .cube files there")
    return [
        Item(
            f"{clip.name}/{lut.stem}",
            clip.name,
            digest("graded_clips", file_digest(clip.path), file_digest(lut), frames, size),
            partial(_graded_clip, clip.path, lut, frames, size),
        )
        for i, clip in enumerate(clips_of(source, split=split))
        for lut in [cubes[(i * per_clip + j) % len(cubes)] for j in range(min(per_clip, len(cubes)))]
    ]


def retouched(manifest: str | Path, *, split: str = "test", size: int | None = None, seed: int = 0) -> list[Item]:
    """Photographs and each expert's retouched version, of Adobe FiveK's manifest (VCG, arXiv 2508.00548, Sec. 4.1).

    The reference is another photograph of the same expert, drawn once for each item from `seed`.

    Args:
        manifest: as `scripts/prepare_data.py fivek` writes it.
        split: of the manifest.
        size: pictures are cropped to their middle square and resized to this side; None leaves them.
        seed: of the draw.
    """
    manifest = Path(manifest)
    roles: dict[str, dict[str, Path]] = {}
    for path, record in files_of(manifest, split=split):
        roles.setdefault(record.role, {})[path.stem] = path
    contents, rng = roles.get("input", {}), random.Random(seed)
    items = []
    for expert in sorted(role for role in roles if role.startswith("expert")):
        stems = sorted(set(contents) & set(roles[expert]))
        for stem in stems:
            others = [other for other in stems if other != stem]
            if not others:
                raise InputError(f"{manifest}: {expert} has one photograph, and none to take a reference from")
            files = (contents[stem], roles[expert][stem], roles[expert][rng.choice(others)])
            inputs = digest("retouched", [file_digest(file) for file in files], size)
            items.append(Item(f"{stem}/{expert}", stem, inputs, partial(_retouched, files, size, f"{stem}/{expert}")))
    if not items:
        raise InputError(f"{manifest}: its split {split} has no photographs with a retouched version")
    return items


def read_frames(path: Path, frames: int | None, max_side: int | None = None) -> Tensor:
    """The first frames of a video, an image or a folder of images, `[T, 3, H, W]`, sRGB-encoded in [0, 1]."""
    from lutgrade.video import open_video

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a file is untagged is no news at every method
        with open_video(path, max_side=max_side) as reader:
            images = [frame.image.float() for frame in islice(reader, frames)]
    if not images:
        raise InputError(f"{path}: it has no frames")
    return torch.stack(images)


def _photo_pair(photo: Path, lut: Path, change: str | None = None) -> Sample:
    pair = graded_pair(load_photo(photo), Lut.load(lut), name=f"{photo.stem}/{lut.stem}")
    return changed(pair, change) if change else pair


def _look_pair(photo: Path, look: str) -> Sample:
    return graded_pair(load_photo(photo), looks()[look].lut(), name=f"{photo.stem}/{look}")


def _clip_to(clip: Path, image: Path, frames: int, max_side: int) -> Sample:
    reference = read_frames(image, 1, max_side)
    return Sample(read_frames(clip, frames, max_side), reference, name=f"{clip.stem}/{image.stem}")


def _graded_clip(clip: Path, lut: Path, frames: int, size: int) -> Sample:
    content = quantise(_square(read_frames(clip, frames), size))
    target = quantise(Lut.load(lut)(content))
    return Sample(content, target[-1:], target=target, name=f"{clip.stem}/{lut.stem}")


def _retouched(files: tuple[Path, Path, Path], size: int | None, name: str) -> Sample:
    content, target, reference = (read_frames(file, 1) for file in files)
    if size is not None:
        content, target, reference = (_square(image, size) for image in (content, target, reference))
    return Sample(content, reference, target=target, name=name)


def _square(images: Tensor, size: int) -> Tensor:
    """The middle square of `[T, 3, H, W]`, `[T, 3, size, size]`, antialiased."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[..., top : top + side, left : left + side]
    return interpolate(square, (size, size), mode="bilinear", antialias=True).clamp(0, 1)
