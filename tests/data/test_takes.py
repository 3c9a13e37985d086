"""Takes: several frames of a clip, graded alike."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from clips import scene, write_clip
from lutgrade.data import ClipFolder, RandomLooks, Takes
from lutgrade.errors import InputError
from lutgrade.lut import Lut

OPTIONS = {"luts": {"random": RandomLooks(count=4)}, "size": 16, "lut_size": 9, "length": 12, "zoom": None, "flip": 0.0}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    folder = tmp_path_factory.mktemp("clips")
    for seed in range(2):
        write_clip(folder / f"{seed}.mp4", scene(seed, 30))
    return ClipFolder(folder, backend="av")


def test_a_take_is_one_stretch_seen_from_one_place(clips: ClipFolder) -> None:
    items = Takes(clips, frames=4, span=0.5, **OPTIONS)  # type: ignore[arg-type]
    for index in range(4):
        frames = items[index].frames.float()
        assert frames.shape == (4, 3, 16, 16)
        steps = (frames[1:] - frames[:-1]).abs().mean((1, 2, 3))
        assert (steps > 0).any()  # it moves
        # The scene drifts to the left by half a pixel a frame, so each frame holds the one before, shifted.
        shifts = [(frames[-1, ..., : 16 - s] - frames[0, ..., s:]).abs().mean().item() for s in range(10)]
        assert min(shifts) < 0.5 * shifts[0]
    assert torch.equal(items[1].frames, items[1].frames)


def test_all_frames_of_a_take_have_one_grade(clips: ClipFolder) -> None:
    items = Takes(clips, frames=3, graded_content=0.0, **OPTIONS)  # type: ignore[arg-type]
    raw = items.collate([items[0], items[1]])
    batch = items.prepare(raw, "cpu", Generator().manual_seed(0))
    assert batch.target is not None
    assert batch.frames.shape == batch.target.shape == (2, 3, 3, 16, 16)
    assert batch.reference.shape == (2, 1, 3, 16, 16)
    assert items.bank is not None
    tables = items.bank.mixtures(raw.rows[:, 1], raw.weights[:, 1])
    for frames, target, table in zip(batch.frames, batch.target, tables, strict=True):
        torch.testing.assert_close(target, Lut(table)(frames), rtol=0, atol=0.6 / 255)


def test_what_cannot_be_a_take_is_refused(clips: ClipFolder) -> None:
    with pytest.raises(InputError, match="0 frames"):
        Takes(clips, frames=0, **OPTIONS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"over 1\.5"):
        Takes(clips, span=1.5, **OPTIONS)  # type: ignore[arg-type]
