"""A match on its way: clips that change under it, and notes that say a thing once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.plan import Clip, MatchOptions
from lutgrade.consistency.run import Run
from lutgrade.consistency.store import Store
from lutgrade.consistency.workers import Workers
from lutgrade.errors import InputError
from lutgrade.progress import silent


@pytest.fixture
def run(tmp_path: Path) -> Run:
    clips = [Clip(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    for clip in clips:
        clip.path.write_text("one")
    outputs = MatchOutputs(tmp_path / "out", tuple(clip.path.name for clip in clips))
    return Run(clips, outputs, MatchOptions(), SDR, silent, Store.at(outputs.folder), Workers(None, 1))


def test_a_clip_that_changes_or_goes_fails_alone(run: Run) -> None:
    def task(path: Path) -> str:
        if path.name == "b.mp4":
            path.write_text("another")
        if path.name == "c.mp4":
            path.unlink()
        return path.name

    done = dict(run.of_clips("grade", task, {i: (clip.path,) for i, clip in enumerate(run.clips)}))
    assert {clip: ended.result for clip, ended in done.items()} == {0: "a.mp4"}
    assert list(run.failed) == [1, 2]
    for error in run.failed.values():
        assert "the file changed while it was matched" in str(error)
        assert not isinstance(error, InputError)


def test_an_error_says_more_than_that_the_clip_is_gone(run: Run) -> None:
    def task(path: Path) -> None:
        path.unlink()
        raise InputError("damaged at frame 7")

    assert not dict(run.of_clips("profile", task, {0: (run.clips[0].path,)}))
    assert str(run.failed[0]) == "damaged at frame 7"


def test_notes_on_a_clip_and_its_output_are_one(run: Run) -> None:
    run.note(0, [f"{run.clips[0].path}: says no matrix", f"{run.outputs.path(0)}: says no matrix", "another"])
    assert run.notes == {0: ["says no matrix", "another"]}
