"""The whole way: clips in, matching clips out, whatever they are and however often it is asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import lutgrade
from clips import decode, packets, scene, write_clip
from lutgrade.consistency import measuring, rendering, summary
from lutgrade.consistency.distance import Consistency, Pair
from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.plan import Clip, Segment
from lutgrade.consistency.results import FAILED, INCONSISTENT, OK, MatchReport
from lutgrade.consistency.targets import TargetSpec
from lutgrade.errors import InputError
from lutgrade.lut import Lut

GRADES = {"plain": (1.0, 1.0, 1.0), "warm": (1.0, 0.85, 0.65), "cool": (0.75, 0.85, 1.0)}


def clip(path: Path, gain: Sequence[float] = (1, 1, 1), *, seed: int = 1, frames: int = 12, **options: Any) -> Path:
    """A clip of one scene under a grade of its own."""
    pictures = scene(seed, frames, options.pop("size", (48, 64))).astype(float) * 0.8 + 20
    graded = (pictures * np.asarray(gain)).clip(0, 255).astype(np.uint8)
    return write_clip(path, graded, rate=options.pop("rate", 12), **options)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    options = {"options": {"crf": "10"}, "audio": True, "metadata": {"title": "a title"}}
    return [clip(tmp_path / f"{name}.mp4", gain, **options) for name, gain in GRADES.items()]


def match(clips: Sequence[Clip | Path], folder: Path, **options: Any) -> MatchReport:
    quick = {"workers": 1, "every": 0.5, "size": 17, "method": "mkl"}
    return lutgrade.match(clips, folder, **{**quick, **options})


def colour(path: Path) -> np.ndarray:
    return decode(path).mean(axis=(0, 1, 2))


def test_clips_come_out_alike_and_keep_the_rest(clips: list[Path], tmp_path: Path) -> None:
    report = match(clips, tmp_path / "out", method="auto")
    assert report.exit_code == OK
    assert report.before.worst.mean > 8
    assert report.after.worst.mean < 2
    colours = [colour(matched.output) for matched in report.clips]
    assert np.ptp(colours, axis=0).max() < 8
    for path, matched in zip(clips, report.clips, strict=True):
        assert matched.output == tmp_path / "out" / path.name
        assert packets(matched.output, "audio") == packets(path, "audio")
        assert matched.flicker["after"] < matched.flicker["before"] + 0.2
        (unit,) = matched.units
        lut = Lut.load(unit.cube)
        before, after = decode(path), decode(matched.output)
        expected = lut(torch.from_numpy(before).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy().astype(int)
        assert np.abs(expected - after).mean() < 4


def test_the_report_says_what_was_done(clips: list[Path], tmp_path: Path) -> None:
    report = match(clips, tmp_path / "out", target="first")
    facts = json.loads(report.json.read_text())
    assert facts["passed"]
    assert facts["after"]["worst"]["mean"] == round(report.after.worst.mean, 3)
    assert len(facts["before"]["pairs"]) == 3
    assert facts["tries"][0]["method"] == report.method
    assert {"profile", "fit", "render", "verify", "total", "cpu"} <= set(facts["seconds"])
    html = report.html.read_text()
    assert "warm.mp4" in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")  # nothing is loaded from elsewhere
    with Image.open(report.sheet) as sheet:
        assert sheet.height > 500


def test_the_report_says_what_became_of_each_clip_and_of_each_part(clips: list[Path], tmp_path: Path) -> None:
    segments = (Segment(0.5, 1.0, TargetSpec.parse("palette=#ff8800,#001122")),)
    given = [Clip(clips[0], weight=2), Clip(clips[1], segments=segments), Clip(clips[2], exclude=True)]
    report = match(given, tmp_path / "out", target="first")
    assert [not clip.units for clip in report.clips] == [False, False, True]
    html = report.html.read_text()
    for text in (
        'warm.mp4 #2<div class="small">0.50 s to the end',
        "to palette=#ff8800,#001122</div>",
        "<td>cool.mp4</td><td>copied</td><td>none</td><td>excluded</td>",
        "<td>plain.mp4</td><td>copied</td><td>none</td>",
    ):
        assert text in html
    options = json.loads(report.json.read_text())["options"]
    assert (options["weights"], options["excluded"]) == ({"plain.mp4": 2}, ["cool.mp4"])


def test_the_clip_that_is_the_target_is_copied(clips: list[Path], tmp_path: Path) -> None:
    report = match(clips, tmp_path / "out", target="first")
    assert [matched.copied for matched in report.clips] == [True, False, False]
    assert (tmp_path / "out" / "plain.mp4").read_bytes() == clips[0].read_bytes()


@pytest.mark.parametrize(
    ("target", "method"), [("average", "mkl"), ("average", "auto"), ("brightest", "mkl"), ("hero", "mkl")]
)
def test_identical_clips_stay_unchanged(tmp_path: Path, target: str, method: str) -> None:
    same = [clip(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    report = match(same, tmp_path / "out", target=target, method=method)
    assert all(matched.copied for matched in report.clips)
    assert report.after.worst.distribution == 0
    assert not list((tmp_path / "out").glob("*.cube"))


def test_the_order_of_clips_and_doubling_do_not_matter(clips: list[Path], tmp_path: Path) -> None:
    plain = match(clips, tmp_path / "plain")
    turned = match(clips[::-1], tmp_path / "turned")
    doubled = match([*clips, *clips], tmp_path / "doubled")

    def tables(report: MatchReport) -> dict[str, torch.Tensor]:
        return {unit.name: Lut.load(unit.cube).table for c in report.clips for unit in c.units if unit.cube}

    expected = tables(plain)
    assert len(expected) >= 2
    for name, table in expected.items():
        torch.testing.assert_close(tables(turned)[name], table, atol=2e-3, rtol=0)
        torch.testing.assert_close(tables(doubled)[name], table, atol=1e-2, rtol=0)
    assert [matched.name for matched in doubled.clips][3:] == ["plain_2.mp4", "warm_2.mp4", "cool_2.mp4"]


def test_a_second_call_does_nothing_again(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = match(clips, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.mp4")}

    def refuse(*_: object) -> None:
        raise AssertionError("done again")

    for task in ("render_clip", "profile_clip"):
        monkeypatch.setattr(f"lutgrade.consistency.{'rendering' if task[0] == 'r' else 'measuring'}.{task}", refuse)
    monkeypatch.setattr("lutgrade.consistency.deciding.search", refuse)
    second = match(clips, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert second.after == first.after
    assert second.tries == first.tries
    monkeypatch.undo()
    clips[1].write_bytes(clips[2].read_bytes())  # another clip under the same name
    assert match(clips, tmp_path / "out").after != first.after


def test_a_call_killed_half_way_goes_on(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, rendered = rendering.render_clip, []

    def dies(job: rendering.RenderJob) -> dict[str, Any]:
        if len(rendered) == 1:
            raise KeyboardInterrupt
        rendered.append(job.output.name)
        return real(job)

    monkeypatch.setattr(rendering, "render_clip", dies)
    with pytest.raises(KeyboardInterrupt):
        match(clips, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*.partial*"))
    monkeypatch.setattr(rendering, "render_clip", lambda job: rendered.append(job.output.name) or real(job))
    assert match(clips, tmp_path / "out").exit_code == OK
    assert sorted(rendered) == ["cool.mp4", "plain.mp4", "warm.mp4"]


def test_a_broken_clip_does_not_stop_the_others(clips: list[Path], tmp_path: Path) -> None:
    bad, cut = tmp_path / "bad.mp4", tmp_path / "cut.mp4"
    bad.write_bytes(bytes(range(256)) * 40)
    cut.write_bytes(clips[0].read_bytes()[:-6000])
    report = match([clips[0], bad, clips[1], cut, clips[2], tmp_path / "missing.mp4"], tmp_path / "out")
    assert report.exit_code == FAILED
    assert report.passed
    assert set(report.failed) == {"bad.mp4", "cut.mp4", "missing.mp4"}
    assert [matched.name for matched in report.clips] == ["plain.mp4", "warm.mp4", "cool.mp4"]
    assert "bad.mp4 failed" in report.html.read_text()
    with pytest.raises(InputError, match=r"no clip can be matched: .*bad\.mp4"):
        match([bad], tmp_path / "other")


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"broken"), lambda path: clip(path, (0, 0, 0))])
@pytest.mark.parametrize("target", ["first", "hero=plain", "hero=plain.mp4", "hero={path}"])
def test_no_other_clip_takes_the_place_of_the_one_to_match(
    clips: list[Path], tmp_path: Path, spoil: Callable[[Path], object], target: str
) -> None:
    spoil(clips[0])
    with pytest.raises(InputError, match=r"plain\.mp4 is the (first clip|hero) and cannot be matched to: ") as refusal:
        match(clips, tmp_path / "out", target=target.format(path=clips[0]))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_the_target_may_fail_while_it_is_read(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = measuring.profile_clip

    def breaks(store: Path, key: str, path: Path, *options: Any) -> None:
        if path == clips[0]:
            raise InputError(f"{path}: a packet is damaged")
        real(store, key, path, *options)

    monkeypatch.setattr(measuring, "profile_clip", breaks)
    with pytest.raises(InputError, match=r"the first clip and cannot be matched to: a packet is damaged"):
        match(clips, tmp_path / "out", target="first")
    assert not (tmp_path / "out").exists()
    assert match(clips, tmp_path / "out", target="hero=warm").exit_code == FAILED
    alone = match([Clip(clips[0], group="x"), *clips[1:]], tmp_path / "other", target="first")
    assert alone.exit_code == FAILED  # nobody was to match it


def test_a_hero_that_may_be_several_or_is_excluded_is_refused(clips: list[Path], tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    again = clip(tmp_path / "more" / "plain.mp4", GRADES["warm"])
    with pytest.raises(InputError, match=r"'plain\.mp4' may be any of"):
        match([*clips, again], tmp_path / "out", target="hero=plain.mp4")
    assert match([*clips, again], tmp_path / "out", target=f"hero={again}").clips[3].copied
    with pytest.raises(InputError, match="both excluded and the hero"):
        match([Clip(clips[0], exclude=True), *clips[1:]], tmp_path / "out", target="hero=plain")


def test_a_hero_of_one_group_is_not_forced_on_another(clips: list[Path], tmp_path: Path) -> None:
    other = clip(tmp_path / "other.mp4", (0.5, 0.6, 0.5), seed=5)
    given = [Clip(clips[0], group="x"), Clip(clips[1], group="x")]
    report = match([*given, Clip(other, group="y")], tmp_path / "out", target="hero=warm")
    assert report.exit_code == OK
    assert [matched.copied for matched in report.clips] == [False, True, True]
    with pytest.raises(InputError, match=r"the hero warm\.mp4 is in another group than cool\.mp4, other\.mp4"):
        match([*given, Clip(clips[2], group="y"), Clip(other, group="y")], tmp_path / "no", target="hero=warm")


def test_a_black_clip_is_left_alone_and_moves_nothing(clips: list[Path], tmp_path: Path) -> None:
    black = clip(tmp_path / "black.mp4", (0, 0, 0))
    alone, beside = match(clips, tmp_path / "a"), match([*clips, black], tmp_path / "b")
    assert beside.clips[3].copied
    assert "black" in beside.clips[3].units[0].note
    assert beside.after.worst.mean == pytest.approx(alone.after.worst.mean, abs=0.05)
    assert not any("black" in (pair.a + pair.b) for pair in beside.after.pairs)


def test_nothing_but_black_is_not_a_failure(tmp_path: Path) -> None:
    blacks = [clip(tmp_path / name, (0, 0, 0), frames=2) for name in ("a.mp4", "b.mp4")]
    report = match(blacks, tmp_path / "out")
    assert report.exit_code == OK
    assert all(matched.copied for matched in report.clips)


def test_clips_of_all_kinds(tmp_path: Path) -> None:
    """One frame, other sizes, rates and depths, a still, a folder of frames."""
    plain = clip(tmp_path / "plain.mp4")
    one = clip(tmp_path / "one.mp4", GRADES["warm"], frames=1)
    large = clip(tmp_path / "large.mkv", GRADES["cool"], frames=7, size=(96, 128), rate=30)
    deep = clip(tmp_path / "deep.mkv", GRADES["warm"], codec="libx265", pixel_format="yuv420p10le")
    still = tmp_path / "still.png"
    Image.fromarray((scene(1, 1)[0] * np.array(GRADES["cool"])).astype(np.uint8)).save(still)
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, image in enumerate(scene(1, 3)):
        Image.fromarray((image * np.array(GRADES["warm"])).astype(np.uint8)).save(folder / f"{index:03d}.png")
    report = match([plain, one, large, deep, still, folder], tmp_path / "out")
    assert report.exit_code == OK, report.failed
    assert decode(report.clips[1].output).shape == (1, 48, 64, 3)
    assert decode(report.clips[2].output).shape == (7, 96, 128, 3)
    import av

    with av.open(str(report.clips[3].output)) as container:
        assert container.streams.video[0].pix_fmt == "yuv420p10le"
    assert len(list(report.clips[5].output.iterdir())) == 3


def test_groups_weights_and_exclusion(clips: list[Path], tmp_path: Path) -> None:
    other = clip(tmp_path / "other.mp4", (0.5, 0.6, 0.5), seed=5)
    first, second, third = clips
    report = match(
        [Clip(first, group="x"), Clip(second, group="x"), Clip(third, exclude=True), Clip(other, group="y")],
        tmp_path / "out",
    )
    assert report.groups == {"x": ["plain.mp4", "warm.mp4"], "y": ["other.mp4"]}
    assert len(report.after.pairs) == 1
    assert (tmp_path / "out" / "cool.mp4").read_bytes() == third.read_bytes()
    assert report.clips[3].copied  # alone in its group
    heavy = match([Clip(first, weight=1000), second, third], tmp_path / "heavy")
    assert heavy.clips[0].copied  # the average is next to it


def test_a_segment_has_a_target_of_its_own(clips: list[Path], tmp_path: Path) -> None:
    kept = clip(tmp_path / "long.mp4", GRADES["warm"], frames=36)
    segment = Segment(1.0, 2.0, None)
    report = match([clips[0], Clip(kept, segments=(segment,))], tmp_path / "out", target="first")
    before, after = decode(kept).astype(int), decode(report.clips[1].output)
    change = np.abs(after - before).mean(axis=(1, 2, 3))  # of each frame
    assert change[13:23].max() < 4  # the codec's
    assert change[:11].min() > 6
    assert change[25:].min() > 6
    assert [unit.note != "" for unit in report.clips[1].units] == [False, True, False]
    cool = match(
        [clips[0], clips[2], Clip(kept, segments=(Segment(1.0, 2.0, TargetSpec.parse("hero=cool")),))],
        tmp_path / "cool",
        target="first",
    )
    assert [unit.target for unit in cool.clips[2].units] == ["first: plain.mp4", "hero: cool.mp4", "first: plain.mp4"]
    assert "target hero: cool.mp4" in {pair.b for pair in cool.after.pairs}
    assert cool.exit_code == OK
    dusk = Segment(1.0, 2.0, TargetSpec.parse("synthetic=30,5,-5,12,8,8"))
    other = match([clips[0], Clip(kept, segments=(dusk,))], tmp_path / "dusk", target="first")
    dark = decode(other.clips[1].output).mean(axis=(1, 2, 3))
    assert dark[13:23].max() < 0.8 * dark[:11].min()


def test_every_shot_may_have_a_lut(tmp_path: Path) -> None:
    frames = np.concatenate([scene(1, 15), (scene(2, 15) * 0.8).astype(np.uint8)])
    two = write_clip(tmp_path / "two.mp4", frames, rate=10)
    report = match(
        [two, clip(tmp_path / "one.mp4", GRADES["warm"])], tmp_path / "out", per_shot=True, target="hero=one"
    )
    assert [unit.name for unit in report.clips[0].units] == ["two.mp4 #1", "two.mp4 #2"]
    assert [unit.cube.name for unit in report.clips[0].units] == ["two_01.cube", "two_02.cube"]


def test_a_span_between_two_frames_is_none(tmp_path: Path) -> None:
    """The shot changes at 1.5 s, the segment ends a hundredth before; another ends behind the last frame."""
    frames = np.concatenate([scene(1, 15), (scene(2, 15) * 0.8).astype(np.uint8)])
    two, other = write_clip(tmp_path / "two.mp4", frames, rate=10), clip(tmp_path / "one.mp4", GRADES["warm"])
    for segment, notes in ((Segment(0, 1.49, None), [True, False]), (Segment(1.5, 2.95, None), [False, True])):
        report = match(
            [Clip(two, segments=(segment,)), other], tmp_path / str(segment.stop), per_shot=True, target="hero=one"
        )
        assert report.failed == {}
        assert [unit.note.startswith("kept") for unit in report.clips[0].units] == notes
        spans = [unit.span for unit in report.clips[0].units]
        assert spans == [(-float("inf"), pytest.approx(1.5)), (pytest.approx(1.5), float("inf"))]


def test_a_threshold_that_is_missed_is_said_and_the_outputs_are_kept(tmp_path: Path) -> None:
    day = clip(tmp_path / "day.mp4", (1.0, 1.0, 1.0))
    night = clip(tmp_path / "night.mp4", (0.2, 0.2, 0.25), seed=2)
    report = match([day, night], tmp_path / "out", method="mkl,reinhard", target="first")
    assert report.exit_code == INCONSISTENT
    assert {t["method"] for t in report.tries} == {"mkl", "reinhard"}
    assert len(report.tries) == 4  # two methods, then two strengths of the better
    (note,) = (note for note in report.notes if note.startswith("night.mp4 was moved only "))
    assert report.clips[1].units[0].note == note.removeprefix("night.mp4 was ")
    assert all(matched.output.exists() for matched in report.clips)


def test_files_that_miss_the_threshold_have_the_next_method_tried(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(match(clips, tmp_path / "out", method="mkl,reinhard").tries) == 1
    found, real, rendered = iter([50.0, 50.0, 40.0, 40.0]), rendering.render_clip, []
    missed = (Consistency((Pair("a", "b", worst, worst),)) for worst in found)
    monkeypatch.setattr(rendering, "consistency_of", lambda buckets, signatures: next(missed))
    monkeypatch.setattr(rendering, "render_clip", lambda job: rendered.append(job.output.name) or real(job))
    report = match(clips, tmp_path / "missed", method="mkl,reinhard")
    assert sorted(facts["method"] for facts in report.tries) == ["mkl", "reinhard"]
    assert (report.exit_code, report.after.worst.mean) == (INCONSISTENT, 40.0)
    assert len(rendered) == 2 * len(clips)
    again = match(clips, tmp_path / "missed", method="mkl,reinhard")
    assert (again.method, again.tries, again.after) == (report.method, report.tries, report.after)
    assert len(rendered) == 2 * len(clips)  # nothing is rendered again, the try that lost neither


def test_clips_that_lay_closer_before_are_told(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "the clips matched before: the worst pair was 0.00 apart"
    assert not any(said in note for note in match(clips, tmp_path / "apart").notes)
    alike = Consistency((Pair("plain.mp4", "warm.mp4", 0.0, 0.0),))
    monkeypatch.setattr(summary, "consistency_of", lambda *_: alike)
    assert any(said in note for note in match(clips, tmp_path / "alike").notes)


def test_why_a_clip_was_left_is_said_truly(clips: list[Path], tmp_path: Path) -> None:
    def notes(report: MatchReport) -> list[str]:
        return [unit.note for matched in report.clips for unit in matched.units]

    same = clip(tmp_path / "same.mp4", options={"crf": "10"})
    nothing = match([*clips[:2], same], tmp_path / "nothing", method="identity", target="first")
    assert nothing.exit_code == INCONSISTENT
    assert notes(nothing) == [
        "left as it is: it is the target",
        "left as it is: what the method changes is not seen",
        "left as it is: it matches already",
    ]
    assert notes(match(clips[:1], tmp_path / "one")) == ["left as it is: there is no other to match it with"]


def test_strength_zero_copies(clips: list[Path], tmp_path: Path) -> None:
    report = match(clips, tmp_path / "out", strength=0.0, method="mkl")
    assert all(matched.copied for matched in report.clips)
    assert report.exit_code == INCONSISTENT


def test_files_of_others_are_not_replaced(clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "warm.mp4").write_bytes(b"precious")
    with pytest.raises(InputError, match="--overwrite"):
        match(clips, out)
    assert (out / "warm.mp4").read_bytes() == b"precious"
    assert match(clips, out, overwrite=True).exit_code == OK
    assert match(clips, out, target="first").exit_code == OK  # now they are its own
    with pytest.raises(InputError, match="lies in the output folder itself"):
        match(clips, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("warm.cube", "warm_02.cube"):
        (other / name).write_bytes(b"precious")
        with pytest.raises(InputError, match=rf"{name} exists.*--overwrite"):
            MatchOutputs.plan(clips, other, overwrite=False)
        (other / name).unlink()
    (other / "unrelated.cube").write_bytes(b"precious")
    MatchOutputs.plan(clips, other, overwrite=False)
    with pytest.raises(InputError, match="no clips"):
        match([], out)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'a\\udcff\.mp4' is not UTF-8"):
        match([tmp_path / "a\udcff.mp4"], tmp_path / "out")


def test_a_folder_of_frames_does_not_take_the_outputs(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(2):
        Image.fromarray(scene(1, 1)[0]).save(frames / f"f_{index:04d}.png")
    with pytest.raises(InputError, match="lies in the clip"):
        match([frames], frames / "out")
    assert sorted(path.name for path in frames.iterdir()) == ["f_0000.png", "f_0001.png"]


def test_no_two_luts_share_a_name(tmp_path: Path) -> None:
    outputs = MatchOutputs(tmp_path, ("a.mp4", "a.mov", "b.mp4", "b_01.mp4"))
    cubes = [outputs.cube(clip, span, spans) for clip, spans in enumerate((1, 2, 2, 1)) for span in range(spans)]
    assert len(set(cubes)) == len(cubes)


def test_luts_of_an_earlier_match_do_not_stay_behind(clips: list[Path], tmp_path: Path) -> None:
    match(clips, tmp_path / "out", target="brightest")
    match(clips, tmp_path / "out", target="hero=cool")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.cube")) == ["plain.cube", "warm.cube"]


def test_a_lut_that_somebody_has_changed_is_theirs(clips: list[Path], tmp_path: Path) -> None:
    match(clips, tmp_path / "out", target="brightest")
    cube = tmp_path / "out" / "cool.cube"
    cube.write_text(cube.read_text() + "# mine")
    with pytest.raises(InputError, match=r"cool\.cube exists"):
        match(clips, tmp_path / "out", target="brightest")
    match([clips[0], clips[1]], tmp_path / "out", target="brightest")  # has no use for it
    assert cube.read_text().endswith("# mine")
    assert match(clips, tmp_path / "out", target="brightest", overwrite=True).exit_code == OK
    assert match(clips, tmp_path / "out", target="brightest").exit_code == OK  # it is the match's own again
    assert "mine" not in cube.read_text()


def test_what_is_matched_to_is_not_replaced(clips: list[Path], tmp_path: Path) -> None:
    match(clips, tmp_path / "out", target="first")
    for name in ("reference=warm.mp4", "lut=warm.cube"):
        kind, _, file = name.partition("=")
        with pytest.raises(InputError, match=f"{file} lies in the output folder and would be replaced"):
            match(clips, tmp_path / "out", target=f"{kind}={tmp_path / 'out' / file}")


def test_folders_of_frames_are_matched_again(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("plain", "dark")]
    for folder, gain in zip(folders, (1.0, 0.7), strict=True):
        folder.mkdir()
        for index in range(2):
            Image.fromarray((scene(1, 1)[0] * gain).astype(np.uint8)).save(folder / f"f_{index:04d}.png")
    for target in ("first", "hero=dark", "first"):  # each is a copy in turn
        report = match(folders, tmp_path / "out", target=target)
        assert (report.exit_code, report.failed) == (OK, {})
        assert [matched.copied for matched in report.clips] == [target == "first", target != "first"]
        (tmp_path / "out" / "plain" / "notes.txt").write_text("mine")
    names = ["f_0000.png", "f_0001.png"]
    assert sorted(path.name for path in (tmp_path / "out" / "plain").iterdir()) == [*names, "notes.txt"]
    assert sorted(path.name for path in (tmp_path / "out" / "dark").iterdir()) == names
    assert not list((tmp_path / "out").glob(".*.partial"))


def test_a_reference_of_one_clip_is_checked_too(clips: list[Path], tmp_path: Path) -> None:
    report = match(clips[1:2], tmp_path / "out", target=f"reference={clips[2]}")
    assert report.exit_code == OK
    assert report.before.worst.mean > 8
    assert report.after.worst.mean < 3


@pytest.mark.slow
def test_processes_give_what_one_process_gives(clips: list[Path], tmp_path: Path) -> None:
    alone = match(clips, tmp_path / "a")
    start = time.process_time()
    together = match(clips, tmp_path / "b", workers=2)
    own = time.process_time() - start
    for one, other in zip(alone.clips, together.clips, strict=True):
        assert one.output.read_bytes() == other.output.read_bytes()
    assert together.seconds["cpu"] > own  # that of the processes is in it


def test_hdr_is_not_taken_for_sdr(clips: list[Path], tmp_path: Path) -> None:
    from fractions import Fraction

    import av

    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=Fraction(25), options={"x265-params": "log-level=error"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc, stream.codec_context.colorspace = 16, 9
        for image in scene(1, 3):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p10le")
            frame.color_trc = 16
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for given in ([path, path], [*clips, path]):
        with pytest.raises(InputError, match=r"hdr\.mkv is PQ with other primaries than BT\.2020") as refusal:
            match(given, tmp_path / "out")
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()
