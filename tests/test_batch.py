"""Folders of contents, paired with references by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from clips import scene, write_clip
from lutgrade.batch import grade_folder, is_batch, pair
from lutgrade.checkpoints import load_model
from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut import Lut
from lutgrade.protocols import LutModel


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "beach.mp4", scene(1, 5))
    Image.fromarray(scene(2, 1)[0]).save(folder / "street.png")
    (folder / "notes.txt").write_text("not a medium")
    return folder


@pytest.fixture
def references(tmp_path: Path) -> Path:
    folder = tmp_path / "looks"
    folder.mkdir()
    for seed, name in ((3, "street.jpg"), (4, "beach.png"), (5, "other.png")):
        Image.fromarray(scene(seed, 1)[0]).save(folder / name)
    return folder


def test_a_folder_of_numbered_frames_is_one_clip(tmp_path: Path, contents: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(3):
        Image.fromarray(scene(1, 1)[0]).save(frames / f"shot_{index:04d}.jpg")
    assert not is_batch(frames)
    assert is_batch(contents)
    assert not is_batch(contents / "beach.mp4")


def test_references_pair_by_stem(contents: Path, references: Path) -> None:
    assert [(a.name, b.name) for a, b in pair(contents, references)] == [
        ("beach.mp4", "beach.png"),
        ("street.png", "street.jpg"),
    ]


def test_one_reference_serves_all(contents: Path, references: Path) -> None:
    single = references / "other.png"
    assert [b for _, b in pair(contents, single)] == [single, single]


def test_a_content_without_its_reference_is_named(contents: Path, references: Path) -> None:
    (references / "street.jpg").unlink()
    with pytest.raises(InputError, match=r"street\.png"):
        pair(contents, references)


def test_an_empty_folder_is_refused(tmp_path: Path, references: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no video or image"):
        pair(tmp_path / "empty", references)


def test_the_model_is_loaded_once(
    tmp_path: Path, contents: Path, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def counted(name: str, **options: Any) -> LutModel:
        loaded.append(name)
        return load_model(name, **options)

    monkeypatch.setattr("lutgrade.loading.load_model", counted)
    results = list(grade_folder(contents, references, tmp_path / "out", model="mkl", extras=False))
    assert loaded == ["mkl"]
    assert [result.model for result in results] == ["mkl", "mkl"]


@pytest.mark.parametrize(
    ("options", "said"), [({"model": "mkll"}, "did you mean mkl"), ({"size": 1}, "2 to 129 nodes")]
)
def test_what_is_wrong_for_all_is_said_once_and_before_any_work(
    tmp_path: Path, contents: Path, references: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        next(grade_folder(contents, references, tmp_path / "out", **options))
    assert "were not graded" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_broken_clip_does_not_stop_the_others(tmp_path: Path, contents: Path, references: Path) -> None:
    (contents / "beach.mp4").write_bytes(b"not a video")
    results = []
    with pytest.raises(InputError, match=r"1 of 2 were not graded: beach\.mp4"):
        results.extend(grade_folder(contents, references, tmp_path / "out", extras=False))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["street.png"]


def test_clips_of_one_name_do_not_replace_each_others_files(tmp_path: Path, contents: Path, references: Path) -> None:
    Image.fromarray(scene(2, 1)[0]).save(contents / "street.jpg")
    still = references / "other.png"
    with pytest.raises(InputError, match=r"street\.jpg and street\.png would both be given street\.cube"):
        next(grade_folder(contents, still, tmp_path / "out", model="mkl", overwrite=True))
    assert not (tmp_path / "out").exists()
    graded = grade_folder(contents, still, tmp_path / "out", model="mkl", extras=False)
    assert [result.outputs.graded.name for result in graded] == ["beach.mp4", "street.jpg", "street.png"]


def test_the_folder_one_is_in_has_a_name(contents: Path, references: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(contents)
    (contents / "beach.mp4").unlink()
    (result,) = grade_folder(Path(), references / "other.png", model="mkl", extras=False)
    assert result.outputs.graded == contents.parent / "in_graded" / "street.png"


def test_a_model_that_fails_on_a_clip_does_not_stop_the_others(
    tmp_path: Path, contents: Path, references: Path
) -> None:
    matcher = load_model("mkl")

    def model(content: Tensor, reference: Tensor) -> Lut:
        if content.shape[-2:] == clip_size:
            raise RuntimeError("out of\nmemory")
        return matcher(content, reference)

    clip_size = (1, 2)
    Image.new("RGB", (2, 1)).save(contents / "small.png")
    graded, results = grade_folder(contents, references / "other.png", tmp_path / "out", model=model, extras=False), []
    with pytest.raises(
        LutgradeError, match=r"1 of 3 were not graded: small\.png: RuntimeError: out of memory"
    ) as caught:
        results.extend(graded)
    assert not isinstance(caught.value, InputError)
    assert len(results) == 2
