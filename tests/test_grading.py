"""The whole way: files in, files out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lutgrade
from clips import decode, packets, scene, write_clip
from lutgrade.color.adjust import sharpness
from lutgrade.errors import InputError
from lutgrade.grading import grade
from lutgrade.lut import Lut
from lutgrade.models.ncst import ParametricGrade
from lutgrade.models.nlut import NLUT
from lutgrade.options import GradeOptions
from lutgrade.results import GradeResult
from models.learned import SMALL, small_encoder


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
    result = grade(clip, still, model="mkl")
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
    result = grade(content, still, model="mkl")
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


def test_a_folder_of_graded_frames_is_replaced_when_asked(tmp_path: Path, still: Path) -> None:
    folder, out = tmp_path / "frames", tmp_path / "out"
    folder.mkdir()
    for index, image in enumerate(scene(5, 2)):
        Image.fromarray(image).save(folder / f"{index}.png")
    grade(folder, still, out, model="mkl")
    first = np.asarray(Image.open(out / "1.png"))
    with pytest.raises(InputError, match="out exists; give another --output, or --overwrite"):
        grade(folder, still, out, model="mkl")
    grade(folder, still, out, model="mkl", strength=0.5, overwrite=True)
    assert (np.asarray(Image.open(out / "1.png")) != first).any()
    with pytest.raises(InputError, match="never overwritten"):
        grade(folder, out / "0.png", out, model="mkl", overwrite=True)
    for other, said in (("7.png", r"cannot replace .*out: it holds 7\.png"), ("notes.txt", "out: it is a folder")):
        (out / other).touch()
        with pytest.raises(InputError, match=said):
            grade(folder, still, out, model="mkl", overwrite=True)
    assert {path.name for path in out.iterdir()} == {"0.png", "1.png", "7.png", "notes.txt"}


def test_bars_change_no_grade(tmp_path: Path, still: Path) -> None:
    """Whether content, reference or both lie in bars, the grade is that of the pictures."""
    picture = tmp_path / "picture.png"
    Image.fromarray(scene(1, 1)[0]).save(picture)
    boxed = [path.with_name(f"boxed_{path.name}") for path in (picture, still)]
    for path, to, bars in zip((picture, still), boxed, ([(14, 14), (0, 0)], [(0, 0), (60, 60)]), strict=True):
        Image.fromarray(np.pad(np.asarray(Image.open(path)), [*bars, (0, 0)])).save(to)
    expected = grade(picture, still, model="mkl").shots[0].lut.table
    for content, reference in ((boxed[0], still), (picture, boxed[1]), boxed):
        found = grade(content, reference, tmp_path / "out.png", model="mkl", overwrite=True).shots[0]
        assert torch.equal(found.lut.table, expected)
        assert found.before.shape[1:] == (48, 64)


def test_shots_with_bars_and_without_are_adapted_to(tmp_path: Path, still: Path) -> None:
    frames = np.concatenate([scene(1, 30), scene(2, 30)])
    frames[30:, :8] = frames[30:, 40:] = 0
    clip = write_clip(tmp_path / "clip.mp4", frames, options={"crf": "10"})
    model = NLUT(small_encoder(), bases=2, s=2, w=2, **SMALL).eval()  # type: ignore[arg-type]
    result = grade(clip, still, model=model, adapt=1)
    heights = [shot.before.shape[1] for shot in result.shots]
    assert heights[0] == 48
    assert heights[1] < 40


def test_a_video_is_a_reference_too(clip: Path, tmp_path: Path) -> None:
    """Its second second is the second shot's own scene, and that is what the shot is matched to."""
    look = write_clip(tmp_path / "look.mp4", np.concatenate([scene(6, 25), scene(2, 25), scene(6, 10)]))
    result = grade(clip, look, model="reinhard")
    matched = result.shots[1].matched
    assert (matched.index, matched.time) == (25, 1.0)
    assert result.outputs.report is not None
    facts = json.loads(result.outputs.report.with_suffix(".json").read_text())["shots"][1]
    assert (facts["reference_frame"], facts["reference_time"]) == (25, 1.0)
    assert facts["keyframe"] in range(30, 60)
    assert facts["keyframe_time"] == pytest.approx(facts["keyframe"] / 25)
    assert facts["similarity"] > 0.95


def pan(photo: np.ndarray, start: int, frames: int = 30) -> np.ndarray:
    """A window that moves over a photograph by two pixels a frame, `[T, 96, 128, 3]`."""
    return np.stack([photo[100:196, left : left + 128] for left in range(start, start + 2 * frames, 2)])


@pytest.fixture
def returning_clip(tmp_path: Path) -> Path:
    """Shots A, B, A a little later, C, of photographs that come with a package."""
    data = pytest.importorskip("skimage.data")
    shots = [pan(data.coffee(), 100), pan(data.chelsea(), 0), pan(data.coffee(), 160), pan(data.astronaut(), 50)]
    return write_clip(tmp_path / "abac.mp4", np.concatenate(shots), options={"crf": "16"})


def test_a_shot_that_returns_takes_the_grade_it_had(returning_clip: Path, still: Path) -> None:
    result = grade(returning_clip, still)
    assert [shot.analysed.shot.start for shot in result.shots] == [0, 30, 60, 90]
    assert [shot.takes for shot in result.shots] == [0, 1, 0, 3]
    assert result.shots[2].grade is result.shots[0].grade
    cubes = [f"abac_graded_shot{number:03d}.cube" for number in (1, 2, 1, 4)]
    assert [shot.cube.name for shot in result.shots if shot.cube] == cubes
    assert sorted(path.name for path in returning_clip.parent.glob("*.cube")) == sorted(set(cubes))
    assert result.outputs.report is not None
    facts = json.loads(result.outputs.report.with_suffix(".json").read_text())
    assert [shot["graded_as"] for shot in facts["shots"]] == [1, 2, 1, 4]
    assert facts["shots"][2]["keyframe"] in range(60, 90)  # its own pair all the same
    assert "that of shot 1" in result.outputs.report.read_text()


def test_shots_return_whatever_key_frames_are_found_by(returning_clip: Path, still: Path) -> None:
    result = grade(returning_clip, still, selector="random")
    assert [shot.takes for shot in result.shots] == [0, 1, 0, 3]


def test_overwriting_removes_the_cubes_of_the_run_before_and_no_others(returning_clip: Path, still: Path) -> None:
    folder = returning_clip.parent
    grade(returning_clip, still)
    (folder / "abac_graded_shot009.cube").write_text("a user's own")
    (folder / "abac_graded_shot004.cube").write_text("changed by hand")
    grade(returning_clip, still, per_shot=False, overwrite=True)
    kept = {"abac_graded.cube", "abac_graded_shot004.cube", "abac_graded_shot009.cube"}
    assert {path.name for path in folder.glob("*.cube")} == kept
    grade(returning_clip, still, overwrite=True)
    assert {path.name for path in folder.glob("*.cube")} == kept - {"abac_graded.cube"} | {
        f"abac_graded_shot00{number}.cube" for number in (1, 2)
    }


def test_returning_shots_can_have_grades_of_their_own(returning_clip: Path, still: Path) -> None:
    result = grade(returning_clip, still, share_shots=False)
    assert [shot.takes for shot in result.shots] == [0, 1, 2, 3]
    assert len({shot.cube for shot in result.shots}) == 4


def test_returning_shots_of_real_clips(data_dir: Path, tmp_path: Path) -> None:
    clips = data_dir / "clips"
    bedroom = frames_of(clips / "bedroom.mp4", 160)
    shots = [bedroom[:30], frames_of(clips / "cockatoo.mp4", 30), bedroom[130:], frames_of(clips / "video1.mp4", 30)]
    content = write_clip(tmp_path / "abac.mp4", np.concatenate(shots))
    result = grade(content, next((data_dir / "photos" / "val").glob("*.jpg")), model="mkl")
    assert [(shot.analysed.shot.start, shot.takes) for shot in result.shots] == [(0, 0), (30, 1), (60, 0), (90, 3)]


def frames_of(path: Path, count: int) -> np.ndarray:
    """The first frames of a clip, `[T, 90, 160, 3]`."""
    import av

    with av.open(str(path)) as container:
        decoded = itertools.islice(container.decode(video=0), count)
        return np.stack([frame.reformat(160, 90, "rgb24").to_ndarray() for frame in decoded])


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


def test_sharpness_is_on_the_frames_and_not_in_the_cube(tmp_path: Path, still: Path) -> None:
    content = tmp_path / "content.png"
    Image.fromarray(scene(4, 1)[0]).save(content)

    def model(content: torch.Tensor, reference: torch.Tensor) -> ParametricGrade:
        return ParametricGrade({"brightness": torch.tensor([0.7]), "sharpness": torch.tensor([1.8])})

    result = grade(content, still, model=model)
    before, after = (
        torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1) / 255
        for path in (content, result.outputs.graded)
    )
    assert result.outputs.cube is not None
    from_cube = Lut.load(result.outputs.cube)(before)
    torch.testing.assert_close(from_cube, 0.7 * before, rtol=0, atol=1e-4)
    assert (after - from_cube).abs().max() > 4 / 255
    torch.testing.assert_close(after, sharpness(from_cube, 1.8).clamp(0, 1), rtol=0, atol=1.01 / 255)
    (warning,) = result.warnings
    assert "sharpness 1.80" in warning
    assert "in no .cube" in warning
    assert result.outputs.report is not None
    assert warning in result.outputs.report.read_text()
    (facts,) = json.loads(result.outputs.report.with_suffix(".json").read_text())["shots"]
    assert facts["parameters"] == {"brightness": 0.7, "sharpness": 1.8}
    assert facts["sharpness_after_lut"] == 1.8


def test_a_grade_that_changes_nothing_says_so(clip: Path, still: Path) -> None:
    result: GradeResult = grade(clip, still, model="identity")
    assert any("changes nothing" in warning for warning in result.warnings)


class Away:
    """Grades every picture to the negative of the reference's mean."""

    def __call__(self, content: torch.Tensor, reference: torch.Tensor) -> Lut:
        away = 1 - reference.mean((2, 3)).round()
        return Lut(away[0, :, None, None, None].expand(3, 2, 2, 2))


def test_a_grade_that_leads_away_from_the_reference_is_told(clip: Path, still: Path) -> None:
    said = "moved away from the reference"
    assert any(said in warning for warning in grade(clip, still, model=Away()).warnings)
    assert not any(said in warning for warning in grade(clip, still, model="mkl", overwrite=True).warnings)


def test_a_reference_of_one_colour_is_told(clip: Path, still: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (120, 130, 140)).save(tmp_path / "grey.png")
    said = "nearly one colour"
    assert any(said in warning for warning in grade(clip, tmp_path / "grey.png", model="mkl").warnings)
    assert not any(said in warning for warning in grade(clip, still, model="mkl", overwrite=True).warnings)


def test_a_reference_video_shorter_than_a_second_and_black_frames(clip: Path, still: Path, tmp_path: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", scene(3, 5))
    (shot, *_) = grade(clip, short, model="mkl").shots
    assert shot.lut.table.isfinite().all()
    assert (decode(tmp_path / "clip_graded.mp4") != decode(clip)).any()
    black = write_clip(tmp_path / "black.mp4", np.zeros_like(scene(1, 3)))
    for content, reference in ((black, still), (clip, black)):
        result = grade(content, reference, model="mkl", overwrite=True)
        assert all(shot.lut.table.isfinite().all() for shot in result.shots)


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
        ({"adapt": -1}, "0 to 100000 steps"),
        ({"parameters": {"contrst": 1}}, "did you mean contrast"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GradeOptions(**options)  # type: ignore[arg-type]


def test_the_top_level_function_is_the_same() -> None:
    assert lutgrade.grade is grade
