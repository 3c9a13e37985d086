"""HDR clips: matched as the light that a display shows, by the same steps as SDR, and never taken for SDR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from torch import Tensor

import lutgrade
from lutgrade.color.adjust import exposure, temperature
from lutgrade.color.hdr import HDR_TRANSFERS
from lutgrade.color.spaces import lab_to_srgb, srgb_to_lab
from lutgrade.consistency.encoding import ENCODINGS, SDR, encoding_of, shared_encoding
from lutgrade.consistency.fitting import load_models
from lutgrade.consistency.plan import Clip, Segment
from lutgrade.consistency.profiles import profile_file
from lutgrade.consistency.results import MatchReport
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.matching import linear_transport
from lutgrade.models.pixels import color_space, moments, sample_pixels
from lutgrade.video import open_video
from models.learned import pictures
from video.hdr_clips import BT709, hdr_codes, make_hdr_clip
from video.video_clips import decoded

UNTAGGED, PQ, HLG = 14, 16, 18
X265 = {"x265-params": "log-level=error"}
every_transfer = pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])


def scene(warmer: float = 0.0, stops: float = 0.0, frames: int = 4) -> list[Tensor]:
    """A picture in slow motion under a light of its own, sRGB-encoded in [0, 1]."""
    picture = 0.15 + 0.6 * pictures(3, 1, 48, 64)[0]
    lit = exposure(temperature(picture, warmer), stops).clamp(0, 1)
    return [lit.roll(index, dims=2) for index in range(frames)]


def matched(clips: list[Path] | list[Clip | Path], output: Path, **options: Any) -> MatchReport:
    """With few nodes, so that the tests are fast."""
    return lutgrade.match(clips, output, **{"size": 33, "workers": 1, "method": "mkl", **options})


def clip(path: Path, transfer: int, warmer: float = 0.0, stops: float = 0.0, **options: object) -> Path:
    return make_hdr_clip(path, [hdr_codes(f, transfer) for f in scene(warmer, stops)], transfer, **options)  # type: ignore[arg-type]


def first_frame(path: Path) -> Tensor:
    return next(iter(open_video(path))).image


@pytest.fixture
def unlike(tmp_path: Path, request: pytest.FixtureRequest) -> list[Path]:
    """Three clips of one scene, plain, warm and bright, cool and dark."""
    lights = {"plain": (0.0, 0.0), "warm": (1.0, 0.5), "cool": (-0.8, -0.7)}
    return [clip(tmp_path / f"{name}.mkv", request.param, *light) for name, light in lights.items()]


both = pytest.mark.parametrize("unlike", [PQ, HLG], indirect=True, ids=["PQ", "HLG"])


@every_transfer
def test_measured_colours_come_back_and_lie_on_the_scale_of_lab(transfer: int) -> None:
    encoding = ENCODINGS[HDR_TRANSFERS[transfer].name]
    codes = hdr_codes(torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)), transfer)
    torch.testing.assert_close(encoding.codes(encoding.measure(codes)), codes, rtol=0, atol=1e-6)
    white = HDR_TRANSFERS[transfer].encode(torch.full((3, 1, 1), 100.0, dtype=torch.float64))
    assert float(encoding.measure(white)[0]) == pytest.approx(100, abs=2)
    assert encoding.lightness(encoding.luminance(70.0)) == pytest.approx(70, abs=1e-6)
    assert float(encoding.preview(codes).max()) <= 1
    grey = encoding.preview(white)
    assert float(grey.max() - grey.min()) < 1e-3


def test_the_lightness_of_sdr_is_that_of_lab() -> None:
    grey = lab_to_srgb(torch.tensor([60.0, 0, 0], dtype=torch.float64)[:, None, None])
    assert SDR.lightness(SDR.luminance(60.0)) == pytest.approx(float(srgb_to_lab(grey)[0]), abs=1e-6)


@both
@pytest.mark.parametrize("method", ["auto", "mkl", "reinhard", "histogram", "sliced_ot"])
def test_clips_become_alike_and_stay_hdr(unlike: list[Path], tmp_path: Path, method: str) -> None:
    source = open_video(unlike[0]).info
    report = matched(unlike, tmp_path / "out", method=method)
    assert report.before.worst.mean > 20
    assert report.after.worst.mean < 3
    assert (report.passed, report.exit_code) == (True, 0)
    for made in report.clips:
        info = open_video(made.output).info
        for tag in ("transfer", "primaries", "matrix_code", "range_code", "pixel_format", "codec"):
            assert getattr(info, tag) == getattr(source, tag), tag
        assert Lut.load(made.units[0].cube).size == 33
    told = json.loads(report.json.read_text())
    assert (told["encoding"], told["unit"], told["passed"]) == (
        HDR_TRANSFERS[source.transfer].name,
        "Delta E ITP",
        True,
    )
    assert len(told["after"]["pairs"]) == 3
    assert "Delta E ITP" in report.html.read_text()
    assert "CIEDE2000" not in report.html.read_text()
    assert report.sheet.stat().st_size > 0


@both
def test_the_restored_picture_is_the_plain_one(unlike: list[Path], tmp_path: Path) -> None:
    report = matched(unlike, tmp_path / "out", target="first")
    plain = first_frame(unlike[0])
    for made in report.clips[1:]:
        restored, graded = first_frame(made.output), first_frame(made.path)
        assert (restored - plain).abs().mean() < 0.2 * (graded - plain).abs().mean()


@every_transfer
def test_the_lut_is_the_map_itself_within_rounding(transfer: int) -> None:
    encoding = ENCODINGS[HDR_TRANSFERS[transfer].name]
    content, reference = (hdr_codes(scene(*light)[0], transfer)[None] for light in ((0.0, 0.0), (1.0, 0.5)))
    space = color_space(str(encoding.space))
    (mean_c, cov_c), (mean_r, cov_r) = (moments(space.to(sample_pixels(image))) for image in (content, reference))
    matrix = linear_transport(cov_c, cov_r, 2.0)
    exact = space.back((matrix @ (space.to(content).flatten(2) - mean_c) + mean_r).view_as(content)).clamp(0, 1)
    model = load_models(["mkl"], encoding, 65, "cpu")["mkl"]
    error = (model(content, reference)(content.float(), interpolation="tetrahedral") - exact).abs() * 1023
    assert error.mean() < 0.1
    assert error.max() < 3


@every_transfer
def test_clips_that_are_alike_are_copied(tmp_path: Path, transfer: int) -> None:
    paths = [clip(tmp_path / f"{name}.mkv", transfer) for name in "ab"]
    for made in matched(paths, tmp_path / "out").clips:
        assert made.copied
        assert made.output.read_bytes() == made.path.read_bytes()


@every_transfer
def test_a_black_clip_is_left_alone_and_moves_nothing(tmp_path: Path, transfer: int) -> None:
    paths = [clip(tmp_path / "a.mkv", transfer), clip(tmp_path / "b.mkv", transfer, 1.0)]
    noise = 0.005 * torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    black = make_hdr_clip(tmp_path / "black.mkv", [hdr_codes(noise, transfer)] * 3, transfer)
    alone, beside = matched(paths, tmp_path / "x"), matched([*paths, black], tmp_path / "y")
    assert beside.clips[2].copied
    assert "black" in beside.clips[2].units[0].note
    assert beside.after.worst.mean == pytest.approx(alone.after.worst.mean, abs=0.05)


def test_what_misses_the_threshold_is_tried_again(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0, -0.5)]
    report = matched(paths, tmp_path / "out", method="unbalanced_mkl,mkl", threshold=1.0)
    assert [facts["method"] for facts in report.tries] == ["mkl", "unbalanced_mkl"]
    weak = matched(paths, tmp_path / "weak", strength=0.2, max_strength=0.4)
    assert [facts["strength"] for facts in weak.tries] == [0.4, 0.3, 0.2]
    assert weak.exit_code == 3


def test_a_second_call_does_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0)]
    first = matched(paths, tmp_path / "out")

    def refuse(*_: object) -> None:
        raise AssertionError("done again")

    for task in ("rendering.render_clip", "measuring.profile_clip", "deciding.search"):
        monkeypatch.setattr(f"lutgrade.consistency.{task}", refuse)
    assert matched(paths, tmp_path / "out").after == first.after


@pytest.mark.slow
def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", HLG), clip(tmp_path / "b.mkv", HLG, 1.0)]
    alone, together = matched(paths, tmp_path / "x"), matched(paths, tmp_path / "y", workers=2)
    for one, other in zip(alone.clips, together.clips, strict=True):
        assert torch.equal(first_frame(one.output), first_frame(other.output))


def test_groups_segments_and_exclusion(tmp_path: Path) -> None:
    paths = [clip(tmp_path / f"{i}.mkv", PQ, warmer) for i, warmer in enumerate((0.0, 1.0, -0.8))]
    sdr = clip(tmp_path / "sdr.mkv", UNTAGGED)
    given = [Clip(paths[0]), Clip(paths[1], segments=(Segment(0.0, 0.08, None),)), Clip(paths[2], group="x")]
    report = matched([*given, Clip(sdr, exclude=True)], tmp_path / "out", target="first", every=0.04)
    assert report.groups == {"all": ["0.mkv", "1.mkv #2"], "x": ["2.mkv"]}
    assert [unit.note for unit in report.clips[1].units] == ["kept, as asked for", ""]
    assert report.clips[3].output.read_bytes() == sdr.read_bytes()


def test_heroes_are_chosen_as_they_are_seen(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "good.mkv", PQ), clip(tmp_path / "dark.mkv", PQ, 0.5, -4.0)]
    assert matched(paths, tmp_path / "out", target="hero").clips[0].copied


def test_hevc_keeps_its_tags_and_depth(tmp_path: Path) -> None:
    paths = [
        clip(tmp_path / f"{i}.mp4", PQ, warmer, codec="libx265", options=X265) for i, warmer in enumerate((0.0, 1.0))
    ]
    report = matched(paths, tmp_path / "out", target="first", size=None)
    assert Lut.load(tmp_path / "out" / "1.cube").size == 65
    frame = decoded(report.clips[1].output)[0]
    assert frame.format.name == "yuv420p10le"
    assert (frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range) == (PQ, 9, 9, 1)
    assert report.passed


def test_a_reference_from_outside(tmp_path: Path) -> None:
    reference = clip(tmp_path / "reference.mkv", PQ, -1.0)
    one = clip(tmp_path / "a.mkv", PQ, 1.0)
    report = matched([one], tmp_path / "out", target=f"reference={reference}")
    wanted = profile_file(reference, encoding=ENCODINGS["PQ"])
    torch.testing.assert_close(report.clips[0].units[0].after.mean, wanted.mean, rtol=0, atol=0.3)
    other = clip(tmp_path / "hlg.mkv", HLG)
    with pytest.raises(InputError, match="is HLG, and the clips are PQ"):
        matched([one], tmp_path / "other", target=f"reference={other}")
    assert not (tmp_path / "other").exists()


def test_a_broken_clip_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0)]
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video at all")
    report = matched([paths[0], broken, paths[1]], tmp_path / "out")
    assert [made.name for made in report.clips] == ["a.mkv", "b.mkv"]
    assert list(report.failed) == ["broken.mkv"]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("transfers", "message"),
    [
        ((PQ, UNTAGGED), "a.mkv is PQ, .*b.mkv is SDR"),
        ((UNTAGGED, HLG), "a.mkv is SDR, .*b.mkv is HLG"),
        ((PQ, HLG), "b.mkv is HLG"),
    ],
)
def test_mixed_sets_are_refused(tmp_path: Path, transfers: tuple[int, int], message: str) -> None:
    paths = [clip(tmp_path / f"{name}.mkv", code) for name, code in zip("ab", transfers, strict=True)]
    with pytest.raises(InputError, match=message) as caught:
        matched(paths, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_other_primaries_are_refused(tmp_path: Path) -> None:
    assert shared_encoding([open_video(clip(tmp_path / "sdr.mkv", UNTAGGED)).info]) is SDR
    assert encoding_of(open_video(clip(tmp_path / "hlg.mkv", HLG)).info) is ENCODINGS["HLG"]
    with pytest.raises(InputError, match=r"PQ with other primaries than BT.2020 \(H.273 code 1\)"):
        matched([clip(tmp_path / "odd.mkv", PQ, primaries=BT709)], tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "neural_style"}, "neural_style looks at SDR pictures"),
        ({"target": "palette=#203040,#c08040"}, "the target palette is made for SDR"),
        ({"target": "synthetic=50,0,0,10,5,5"}, "the target synthetic is made for SDR"),
        ({"protect_skin": 0.5}, "skin protection is made for SDR"),
        ({"strength": 7.5}, "strength is from 0"),
    ],
)
def test_what_hdr_has_not_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        matched([clip(tmp_path / "a.mkv", PQ)], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_static_metadata_is_said_to_be_left_out(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"x265-params": f"log-level=error:master-display={display}:max-cll=1000,400:hdr10=1:repeat-headers=1"}
    paths = [clip(tmp_path / f"{i}.mkv", PQ, float(i), codec="libx265", options=options) for i in range(2)]
    for _ in range(2):  # and again when it is done already
        copied, graded = matched(paths, tmp_path / "out", target="first").clips
        assert copied.notes == ()
        assert "mastering display and light level metadata" in graded.notes[0]


def test_the_clips_are_what_they_say(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "a.mkv", HLG))) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (HLG, 9, 9)
