"""`scripts/prepare_data.py`: links, manifest, check, and what it says."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clips import write_photo
from lutgrade.data.graded import GradedPairs
from lutgrade.data.images import PhotoFolder
from lutgrade.data.luts import RandomLooks
from lutgrade.data.videos import ClipFolder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "prepare_data.py"


@pytest.fixture(scope="module")
def main() -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location("prepare_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    root = tmp_path / "disk" / "DAVIS"
    for clip in ("bear", "cows"):
        for t in range(3):
            write_photo(root / f"JPEGImages/480p/{clip}/{t:05}.jpg", seed=t)
            write_photo(root / f"Annotations/480p/{clip}/{t:05}.png", seed=t)
    sets = root / "ImageSets/2017"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("bear\n")
    (sets / "val.txt").write_text("cows\n")
    return root


def test_prepare_check_and_train(
    main: Callable, davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["davis", "--output", str(tmp_path / "datasets")]
    assert main([*where, "--root", str(davis)]) == 0
    folder = tmp_path / "datasets/davis/data"
    assert (folder / "root").resolve() == davis
    assert "12 files" in capsys.readouterr().out
    line = json.loads((folder / "manifest.jsonl").read_text().splitlines()[0])
    assert set(line) == {"path", "split", "role", "item", "fps", "size", "mtime_ns", "hash"}
    assert main([*where, "--check"]) == main([*where, "--check", "--full"]) == 0

    clips = ClipFolder(folder / "manifest.jsonl", split="train")
    assert [path.name for path in clips.paths] == ["bear"]
    assert len(PhotoFolder(folder / "manifest.jsonl", split="val")) == 3
    items = GradedPairs(clips, {"random": RandomLooks(count=2)}, reference="same_clip", size=32, lut_size=9)
    assert items.prepare(items.collate([items[0]]), "cpu").target is not None

    write_photo(davis / "JPEGImages/480p/bear/00001.jpg", seed=9, quality=50)
    (davis / "Annotations/480p/cows/00002.png").unlink()
    capsys.readouterr()
    assert main([*where, "--check"]) == 1
    out = capsys.readouterr().out
    assert "changed: 2" in out
    assert "  Annotations/480p/cows/00002.png: missing" in out
    assert main([*where, "--root", str(davis)]) == 0  # again, as it now is
    assert main([*where, "--check"]) == 0


def test_what_lacks_and_what_is_broken_is_named(
    main: Callable, davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (davis / "ImageSets/2017/val.txt").unlink()
    (davis / "JPEGImages/480p/bear/00000.jpg").write_bytes(b"")
    assert main(["davis", "--root", str(davis), "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"  {davis}/ImageSets/2017/val.txt (its clips are of the split 'all')" in out
    assert "broken, left out: 1\n  JPEGImages/480p/bear/00000.jpg: the file is empty" in out


def test_bad_input_is_one_line_and_two(
    main: Callable, davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "datasets")]
    cases = {
        "make it with python scripts/prepare_data.py davis": ["davis", "--check"],
        "--root: give the folder": ["davis"],
        "no such folder": ["davis", "--root", str(tmp_path / "nowhere")],
        "looked for": ["coco", "--root", str(davis)],
    }
    for message, arguments in cases.items():
        assert main([*arguments, *output]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    for path in davis.rglob("*.*g"):
        path.write_bytes(b"broken")
    assert main(["davis", "--root", str(davis), *output]) == 2
    assert "all 12 files are broken; the first: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--check", "--root", "."], "leave --root out"), (["--full", "--root", "."], "--full goes with --check")],
)
def test_options_that_do_nothing_together_are_refused(
    main: Callable, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["davis", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_data_set_that_moved_is_said(
    main: Callable, davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["davis", "--output", str(tmp_path / "datasets")]
    assert main([*where, "--root", str(davis)]) == 0
    moved = davis.rename(tmp_path / "moved")
    assert main([*where, "--check"]) == 2
    assert f"{davis}: the data set is no longer there" in capsys.readouterr().err
    assert main([*where, "--root", str(moved)]) == 0
    assert main([*where, "--check"]) == 0


@pytest.mark.parametrize(("name", "folder", "count"), [("davis", "davis", 164), ("youtube_vos", "youtube-vos", 192)])
def test_real_data(
    main: Callable,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    folder: str,
    count: int,
) -> None:
    where = [name, "--output", str(tmp_path)]
    assert main([*where, "--root", str(data_dir / folder)]) == 0
    assert f"{count} files" in capsys.readouterr().out
    assert main([*where, "--check", "--full"]) == 0
    clips = ClipFolder(tmp_path / name / "data/manifest.jsonl", short_side=64)
    one, two = clips.read(0, [0.0, 0.9])
    assert one.shape == two.shape
    assert (one != two).any()
