"""The whole way: files in, files out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lutgrade
from clips import decode, packets, scene, write_clip
from lutgrade.errors import InputError
from lutgrade.grading import GradeOptions, grade
from lutgrade.lut import Lut
from lutgrade.results import GradeResult


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two shots of 30 frames, with sound."""
    frames = np.concatenate([scene(1, 30), scene(2, 30)])
    return write_clip(tmp_path / "clip.mp4", frames, audio=True, metadata={"title": "a title"}, options={"crf": "10"})


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "look.png"
    warm = scene(3, 1)[0].astype(float) * [1.0, 0.75, 0.5]
    Image.fromarray(warm.astype(np.uint8)).save(path)
    return path


def warmth(image: np.ndarray) -> float:
    """Mean red over mean blue."""
    return float(image[..., 0].mean() / image[..., 2].mean())


def test_a_clip_takes_the_look_and_keeps_the_rest(clip: Path, still: Path) -> None:
    result = grade(clip, still)
    graded = result.outputs.graded
    assert graded == clip.with_name("clip_graded.mp4")
    before, after, look = decode(clip), decode(graded), np.asarray(Image.open(still))
    assert after.shape == before.shape
    assert abs(np.log(warmth(after) / warmth(look))) < 0.5 * abs(np.log(warmth(before) / warmth(look)))
    assert packets(graded, "audio") == packets(clip, "audio")
    import av

    with av.open(str(graded)) as container:
        assert container.metadata["title"] == "a title"
        assert container.streams.video[0].average_rate == 25


def test_every_shot_has_one_lut_and_its_cube_gives_the_same_picture(clip: Path, still: Path) -> None:
    result = grade(clip, still)
    assert [(s.analysed.shot.start, s.analysed.shot.stop) for s in result.shots] == [(0, 30), (30, 60)]
    before, after = decode(clip), decode(result.outputs.graded)
    for shot in result.shots:
        assert shot.cube is not None
        lut = Lut.load(shot.cube)
        start, stop = shot.analysed.shot.start, shot.analysed.shot.stop
        frames = torch.from_numpy(before[start:stop]).permute(0, 3, 1, 2)
        expected = lut(frames).permute(0, 2, 3, 1).numpy().astype(int)
        assert np.abs(expected - after[start:stop]).mean() < 4  # chroma subsampling and the codec


def test_the_whole_clip_can_have_one_lut(clip: Path, still: Path) -> None:
    result = grade(clip, still, per_shot=False)
    assert [s.cube for s in result.shots] == [clip.with_name("clip_graded.cube")]
    assert result.shots[0].analysed.shot.stop == 60


def test_strength_zero_changes_no_pixel_by_more_than_a_code(tmp_path: Path, still: Path) -> None:
    """Losslessly encoded, so that all of the change is the grade's: decoding, the identity, dithering."""
    content = write_clip(tmp_path / "clip.mkv", scene(1, 6), codec="ffv1")
    result = grade(content, still, strength=0)
    assert torch.equal(result.shots[0].lut.table, Lut.identity(33).table)
    before, after = (decode(path, "gray").astype(int) for path in (content, result.outputs.graded))
    assert np.abs(before - after).max() <= 1


def test_the_report_and_the_sheet_say_what_was_done(clip: Path, still: Path) -> None:
    result = grade(clip, still)
    assert result.outputs.report is not None
    assert result.outputs.sheet is not None
    facts = json.loads(result.outputs.report.with_suffix(".json").read_text())
    assert facts["frames"] == 60
    assert [shot["frames"] for shot in facts["shots"]] == [[0, 30], [30, 60]]
    for shot in facts["shots"]:
        assert shot["difference_to_reference"]["after"] < shot["difference_to_reference"]["before"]
    assert facts["environment"]["torch"] == torch.__version__
    text = result.outputs.report.read_text()
    assert "| 2 | 30-59 |" in text
    with Image.open(result.outputs.sheet) as sheet:
        assert sheet.width > 300


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_still_gives_a_still(tmp_path: Path, still: Path, suffix: str) -> None:
    content = tmp_path / f"content{suffix}"
    Image.fromarray(scene(4, 1)[0]).save(content)
    result = grade(content, still)
    graded = np.asarray(Image.open(result.outputs.graded).convert("RGB"))
    assert result.outputs.graded.suffix == suffix
    assert warmth(graded) > warmth(np.asarray(Image.open(content))) + 0.2


def test_a_folder_of_frames_gives_a_folder(tmp_path: Path, still: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, image in enumerate(scene(5, 4)):
        Image.fromarray(image).save(folder / f"{index:05d}.png")
    result = grade(folder, still)
    names = sorted(path.name for path in result.outputs.graded.iterdir())
    assert names == [f"{index:05d}.png" for index in range(4)]


def test_a_video_is_a_reference_too(clip: Path, tmp_path: Path) -> None:
    look = write_clip(tmp_path / "look.mp4", scene(6, 60))
    result = grade(clip, look, model="reinhard")
    assert {shot.analysed.keyframe.reference for shot in result.shots} <= {0, 1, 2}


def test_a_log_clip_is_graded_from_its_encoding(tmp_path: Path, still: Path) -> None:
    from lutgrade.color.log import encode_log
    from lutgrade.color.spaces import srgb_to_linear

    display = torch.from_numpy(scene(7, 1)[0]).permute(2, 0, 1)[None] / 255
    log = encode_log(srgb_to_linear(display) * 0.5, "slog3").clamp(0, 1)
    content = tmp_path / "log.png"
    Image.fromarray((log[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(content)
    result = grade(content, still, input_log="slog3", size=65)
    graded = np.asarray(Image.open(result.outputs.graded)).astype(float)
    assert graded.std() > 1.5 * np.asarray(Image.open(content)).std()  # log is flat, a grade is not


def test_any_colour_map_is_a_model(clip: Path, still: Path) -> None:
    class Invert:
        def __call__(self, content: torch.Tensor, reference: torch.Tensor) -> object:
            return lambda image: 1 - image

    result = grade(clip, still, model=Invert())  # type: ignore[arg-type]
    assert result.model == "Invert"
    both = decode(clip).astype(int) + decode(result.outputs.graded)
    assert abs(both.mean() - 255) < 3


def test_a_grade_that_changes_nothing_says_so(clip: Path, still: Path) -> None:
    result: GradeResult = grade(clip, still, model="identity")
    assert any("changes nothing" in warning for warning in result.warnings)


def test_the_input_is_never_touched(clip: Path, still: Path) -> None:
    data = clip.read_bytes()
    grade(clip, still)
    with pytest.raises(InputError, match="--overwrite"):
        grade(clip, still)
    with pytest.raises(InputError, match="is an input"):
        grade(clip, still, clip, overwrite=True)
    assert clip.read_bytes() == data


@pytest.mark.parametrize(("code", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_never_taken_for_sdr(tmp_path: Path, still: Path, code: int, name: str) -> None:
    import av

    clip = tmp_path / "hdr.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": "log-level=error"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc, stream.codec_context.colorspace = code, 9
        for image in scene(1, 3):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p10le")
            frame.color_trc = code
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=rf"is HDR \({name}\)"):
        grade(clip, still)
    assert [path.name for path in tmp_path.iterdir() if "graded" in path.name] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 1}, "2 to 129"),
        ({"interpolation": "cubic"}, "trilinear or tetrahedral"),
        ({"strength": -1}, "strength"),
        ({"device": "cuda:99"}, "cannot be used"),
        ({"input_log": "slog9"}, "slog3"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GradeOptions(**options)  # type: ignore[arg-type]


def test_the_top_level_function_is_the_same() -> None:
    assert lutgrade.grade is grade
