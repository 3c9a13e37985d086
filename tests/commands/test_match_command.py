"""`lutgrade match` as users meet it: exit codes, one line for an error, options by name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from clips import scene, write_clip
from lutgrade.cli import run

QUICK = ("--method", "mkl", "--workers", "1", "--size", "17", "--every", "0.5")


@pytest.fixture
def clips(tmp_path: Path) -> list[str]:
    gains = {"plain": (1.0, 1.0, 1.0), "warm": (1.0, 0.85, 0.65), "cool": (0.75, 0.85, 1.0)}
    return [
        str(write_clip(tmp_path / f"{name}.mp4", (scene(1, 6) * np.array(gain)).astype(np.uint8)))
        for name, gain in gains.items()
    ]


def test_match_prints_what_came_of_it(clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["match", *clips, "-o", str(tmp_path / "out"), *QUICK]) == 0
    out = capsys.readouterr().out
    for name in ("plain.mp4", "warm.mp4", "cool.mp4", "match_sheet.png", "match_report.html"):
        assert str(tmp_path / "out" / name) in out
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert "below 3" in out


def test_the_threshold_and_broken_clips_have_exit_codes(
    clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "out"), *QUICK]
    assert run(["match", *clips, *out, "--threshold", "0.0001"]) == 3
    assert "not below" in capsys.readouterr().out
    assert (tmp_path / "out" / "warm.mp4").exists()
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video" * 99)
    assert run(["match", *clips, str(bad), *out]) == 1
    assert "failed  bad.mp4" in capsys.readouterr().err


def test_options_name_clips(clips: list[str], tmp_path: Path) -> None:
    options = [
        "--group",
        "plain,warm",
        "--weight",
        "warm.mp4=3",
        "--exclude",
        clips[2],
        "--segment",
        "plain@0-0.1=keep",
    ]
    assert run(["match", *clips, "-o", str(tmp_path / "out"), *QUICK, *options]) == 0
    facts = json.loads((tmp_path / "out" / "match_report.json").read_text())
    assert list(facts["groups"]) == ["group 1"]
    by_name = {clip["name"]: clip for clip in facts["clips"]}
    assert by_name["cool.mp4"]["copied"]
    assert by_name["plain.mp4"]["units"][0]["note"] == "kept, as asked for"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "median"], "no target 'median'"),
        (["--method", "magic"], "no model"),
        (["--method", "mkl,"], "a method has no name"),
        (["--device", "nowhere"], "device 'nowhere' cannot be used"),
        (["--segment", "warm.mp4@90-91=keep"], "before its segment"),
        (["--strength", "7"], "strength is from 0"),
        (["--weight", "warm.mp4=x"], "a weight is"),
        (["--exclude", "nobody.mp4"], "no clip 'nobody.mp4'"),
        (["--segment", "warm.mp4"], "a segment is"),
        (["--target", "hero=nobody"], "no clip 'nobody'"),
    ],
)
def test_bad_options_are_one_line(
    clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(["match", *clips, "-o", str(tmp_path / "out"), *QUICK, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_clip_that_may_not_be_read_is_found_out_when_it_is_opened(
    clips: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with the options, it would stop the others."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **o: str(path) != clips[1] and access(path, mode, **o))
    assert run(["match", *clips, "-o", str(tmp_path / "out"), *QUICK]) == 0
