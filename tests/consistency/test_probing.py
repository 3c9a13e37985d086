"""Clips before any work: each that cannot be matched says why, and stops no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clips import scene, write_clip
from lutgrade.consistency.plan import Clip
from lutgrade.consistency.probing import check_chosen, check_left, probe
from lutgrade.consistency.targets import TargetSpec
from lutgrade.errors import InputError, LutgradeError


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("probing") / "good.mp4", scene(1, 2))


def why(path: Path, good: Path) -> str:
    """What is wrong with a clip among good ones."""
    found = probe([Clip(good), Clip(path)])
    assert list(found.failed) == [1]
    assert isinstance(found.failed[1], InputError)
    message = str(found.failed[1])
    assert "\n" not in message
    return message


def test_what_cannot_be_looked_at_is_said(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, pipe, bare = tmp_path / "loop.mp4", tmp_path / "pipe.mp4", tmp_path / "bare"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    bare.write_bytes(good.read_bytes())
    assert why(tmp_path / "none.mp4", good).endswith("none.mp4: no such file or folder")
    assert why(tmp_path / ("x" * 300), good).endswith(": File name too long")
    assert "symbolic links" in why(loop, good)
    assert "a pipe or a device, which cannot be read twice" in why(pipe, good)
    assert "the name does not say what kind of video it is; call it bare.mp4" in why(bare, good)
    locked, stat = tmp_path / "locked" / "a.mp4", Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert why(locked, good).endswith("a.mp4: Permission denied")


@pytest.mark.parametrize(("error", "blamed"), [(InputError("broken"), True), (LutgradeError("disk full"), False)])
def test_only_bad_input_is_bad_input(error: LutgradeError, blamed: bool) -> None:
    clips = [Clip(Path("a.mp4")), Clip(Path("b.mp4"))]
    with pytest.raises(LutgradeError, match=f"no clip can be matched: {error}$") as none_left:
        check_left(clips, {0: error, 1: error})
    with pytest.raises(LutgradeError, match=f"a.mp4 is the first clip and cannot be matched to: {error}") as no_target:
        check_chosen(clips, TargetSpec("first"), ["a.mp4", "b.mp4"], {0: error})
    assert [isinstance(raised.value, InputError) for raised in (none_left, no_target)] == [blamed, blamed]
