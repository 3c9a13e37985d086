"""Clips joined into one, pictures and sound, of the same kind and of unlike kinds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lutgrade.errors import InputError
from lutgrade.video.joining import JoinClip, join, plan_join
from lutgrade.video.sound import fade
from video.hdr_clips import make_hdr_clip
from video.video_clips import decoded, frame_of, make_clip, moving_gradient, planes_of

LOSSLESS = {"codec": "ffv1", "pixel_format": "gbrp10le", "audio": "pcm_s16le"}


def later(index: int, width: int, height: int) -> np.ndarray:
    return moving_gradient(index + 11, width, height)[::-1].copy()


def pictures(path: Path) -> np.ndarray:
    """`[T, H, W, 3]` in [0, 1]."""
    return np.stack([frame.to_ndarray(format="rgb48le") for frame in decoded(path)]) / 65535


def sound(path: Path) -> np.ndarray:
    """The samples of the first channel, in [-1, 1]."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono")
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Path, Path]:
    """12 and 15 frames at 25 a second, 64x48, RGB without loss, with a tone."""
    first = make_clip(tmp_path / "first.mkv", count=12, **LOSSLESS)
    return first, make_clip(tmp_path / "second.mkv", count=15, picture=later, **LOSSLESS)


def joined(clips: tuple[Path, ...] | list[Path], output: Path, **options: float) -> Path:
    join([JoinClip(clip) for clip in clips], output, **options)  # type: ignore[arg-type]
    return output


def test_pictures_fade_linearly_between_the_clips(clips: tuple[Path, Path], tmp_path: Path) -> None:
    result = pictures(joined(clips, tmp_path / "out.mkv", crossfade=0.16))
    first, second = (pictures(clip) for clip in clips)
    assert len(result) == 12 + 15 - 4
    share = np.arange(4)[:, None, None, None] / 4
    expected = np.concatenate([first[:8], (1 - share) * first[8:] + share * second[:4], second[4:]])
    assert np.abs(result - expected).max() < 0.6 / 1023


def test_sound_fades_at_equal_power(clips: tuple[Path, Path], tmp_path: Path) -> None:
    result = sound(joined(clips, tmp_path / "out.mkv", crossfade=0.16))
    first, second = (sound(clip) for clip in clips)
    overlap = round(0.16 * 48000)
    expected = np.concatenate(
        [first[:-overlap], fade(first[None, -overlap:], second[None, :overlap])[0], second[overlap:]]
    )
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() < 2 / 32768


@settings(max_examples=20)
@given(st.integers(1, 5000))
def test_a_fade_keeps_the_power_of_unlike_sounds(count: int) -> None:
    one, none = np.ones((1, count), np.float32), np.zeros((1, count), np.float32)
    leaving, entering = fade(one, none), fade(none, one)
    assert leaving.shape == (1, count)
    steps = np.pi / 2 / count  # the two gains are one sample apart, as in FFmpeg
    assert np.abs(leaving**2 + entering**2 - 1).max() < steps + 1e-5


def test_three_clips_and_a_cut(clips: tuple[Path, Path], tmp_path: Path) -> None:
    three = [*clips, clips[0]]
    assert len(pictures(joined(three, tmp_path / "faded.mkv", crossfade=0.2))) == 12 + 15 + 12 - 2 * 5
    cut = pictures(joined(three, tmp_path / "cut.mkv", crossfade=0))
    expected = np.concatenate([pictures(clip) for clip in three])
    assert np.abs(cut - expected).max() < 0.6 / 1023
    assert len(sound(tmp_path / "cut.mkv")) == round(39 / 25 * 48000)


def test_one_clip_is_itself(clips: tuple[Path, Path], tmp_path: Path) -> None:
    result = joined(clips[:1], tmp_path / "out.mkv")
    assert np.array_equal(pictures(result), pictures(clips[0]))
    assert np.abs(sound(result) - sound(clips[0])).max() < 1.5 / 32768


def test_clips_are_graded_on_the_way(clips: tuple[Path, Path], tmp_path: Path) -> None:
    graded = [JoinClip(clips[0], lambda frame: frame.image * 0.5), JoinClip(clips[1])]
    join(graded, tmp_path / "out.mkv", crossfade=0)
    result = pictures(tmp_path / "out.mkv")
    assert np.abs(result[:12] - 0.5 * pictures(clips[0])).max() < 0.6 / 1023
    assert np.abs(result[12:] - pictures(clips[1])).max() < 0.6 / 1023


def test_unlike_clips_are_brought_to_the_first(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "a.mp4", size=(64, 48), rate=25, count=10, audio="aac")
    wide = make_clip(tmp_path / "b.mkv", size=(128, 72), rate=50, count=30, pixel_format="yuv444p10le")
    silent = make_clip(tmp_path / "c.mp4", size=(30, 40), rate=Fraction(24000, 1001), count=12, matrix="bt601")
    plan = join([JoinClip(path) for path in (first, wide, silent)], tmp_path / "out.mp4", crossfade=0.12)
    assert plan.timeline.counts == (10, 15, 13)
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (64, 48, 25)
        assert (video.codec_context.pix_fmt, audio.codec_context.name, audio.rate) == ("yuv420p", "aac", 48000)
        assert video.frames == plan.frames == 10 + 15 + 13 - 6
    frames = pictures(tmp_path / "out.mp4")
    assert frames[12, [0, 5, -6, -1]].max() < 0.05  # 16:9 in 4:3
    assert frames[12, 24].mean() > 0.2
    assert frames[-1][:, [0, 8, -9, -1]].max() < 0.05  # an upright picture
    heard = sound(tmp_path / "out.mp4")
    assert np.abs(heard[2000:12000]).max() > 0.15
    assert np.abs(heard[int(0.45 * 48000) : int(1.2 * 48000)]).max() < 0.01  # no sound is silence


def test_tags_and_depth_follow_the_first(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.mkv",
        codec="libx265",
        pixel_format="yuv420p10le",
        matrix="bt2020",
        options={"x265-params": "log-level=error"},
    )
    other = make_clip(tmp_path / "b.mkv", matrix="bt709", picture=later)
    joined([clip, other], tmp_path / "out.mkv", crossfade=0.1)
    frame = decoded(tmp_path / "out.mkv")[-1]
    assert frame.format.name == "yuv420p10le"
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (9, 9, 14)


def test_unlike_sound_is_resampled(clips: tuple[Path, Path], tmp_path: Path) -> None:
    """22,050 Hz, stereo, beginning a tenth of a second after the picture."""
    path = tmp_path / "other.mkv"
    with av.open(str(path), "w") as output:
        video, audio = output.add_stream("ffv1", rate=25), output.add_stream("pcm_s16le", rate=22050, layout="stereo")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.colorspace = 1
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(video.encode(frame.reformat(format="yuv420p")))
        tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(15435) / 22050)).astype(np.int16)
        heard = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
        heard.sample_rate, heard.pts, heard.time_base = 22050, 2205, Fraction(1, 22050)
        output.mux(audio.encode(heard))
        output.mux([*video.encode(None), *audio.encode(None)])
    result = joined([clips[0], path], tmp_path / "out.mkv", crossfade=0)
    with av.open(str(result)) as container:
        assert (container.streams.audio[0].rate, container.streams.audio[0].channels) == (48000, 1)
    second = sound(result)[round(0.48 * 48000) :]
    assert len(second) == round(0.8 * 48000)
    assert np.abs(second[:4700]).max() < 1e-3
    assert np.abs(second[6000:30000]).max() == pytest.approx(2**0.5 * 8000 / 32768, rel=0.02)  # FFmpeg's mix
    spectrum = np.abs(np.fft.rfft(second[6000:30000]))
    assert spectrum.argmax() == 1000 * 24000 / 48000


def clip_with_sound(path: Path, blocks: list[tuple[float, np.ndarray, str]]) -> Path:
    """20 frames at 25 a second, and blocks of AC-3 sound `[C, N]` at 48 kHz from times in seconds on."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("ffv1", rate=25, width=64, height=48)
        video.pix_fmt, video.codec_context.colorspace = "yuv420p", 1
        audio = output.add_stream("ac3", rate=48000, layout=blocks[0][2])
        for index in range(20):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for start, samples, layout in blocks:
            encoder = av.CodecContext.create("ac3", "w")
            encoder.rate, encoder.layout, encoder.format = 48000, layout, "fltp"
            encoder.time_base = Fraction(1, 48000)
            heard = av.AudioFrame.from_ndarray(samples.astype(np.float32), format="fltp", layout=layout)
            heard.rate, heard.pts, heard.time_base = 48000, 0, Fraction(1, 48000)
            for packet in (*encoder.encode(heard), *encoder.encode(None)):
                packet.pts = packet.dts = packet.pts + round(start * 48000)
                packet.time_base, packet.stream = Fraction(1, 48000), audio
                output.mux(packet)
    return path


def tone(seconds: float, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * 48000)) / 48000)
    return np.repeat(wave[None], channels, axis=0)


def loud(samples: np.ndarray, start: float, end: float) -> bool:
    return bool(np.abs(samples[round(start * 48000) : round(end * 48000)]).max() > 0.2)


def test_sound_after_a_gap_keeps_to_its_pictures(clips: tuple[Path, Path], tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "gap.mkv", [(0, tone(0.1), "mono"), (0.5, tone(0.1), "mono")])
    heard = sound(joined([clips[0], path], tmp_path / "out.mkv", crossfade=0))[round(0.48 * 48000) :]
    assert [loud(heard, *span) for span in ((0, 0.1), (0.2, 0.45), (0.5, 0.6))] == [True, False, True]


def test_sound_may_change_its_channels_on_the_way(tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "a.mkv", [(0, tone(0.256, 2), "stereo"), (0.512, tone(0.256), "mono")])
    heard = sound(joined([path], tmp_path / "out.mkv", crossfade=0))
    assert len(heard) == pytest.approx(0.8 * 48000, abs=2 * 1536)  # AC-3's frames
    assert [loud(heard, *span) for span in ((0.02, 0.2), (0.3, 0.5), (0.53, 0.75))] == [True, False, True]


def test_alpha_fades_with_the_pictures(tmp_path: Path) -> None:
    def half(right: int) -> Path:
        """Four pictures that are opaque on the left."""
        alpha = np.where(np.arange(64) < 32, 1023, right)[None].repeat(48, 0)
        path = tmp_path / f"{right}.mkv"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("ffv1", rate=25, width=64, height=48)
            stream.pix_fmt = "gbrap10le"
            for index in range(4):
                frame = frame_of("gbrap10le", [np.full((48, 64), 300)] * 3 + [alpha])
                frame.pts, frame.time_base = index, Fraction(1, 25)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    opaque = make_clip(tmp_path / "opaque.mkv", codec="ffv1", pixel_format="gbrp10le", size=(32, 48), count=4)
    result = joined([half(0), half(1023), opaque], tmp_path / "out.mkv", crossfade=0.08)
    alphas = [planes_of(frame)[3][24, [8, 56]].tolist() for frame in decoded(result)]
    assert alphas == [[1023, 0], [1023, 0], [1023, 0], [1023, 512], *[[1023, 1023]] * 4]


def test_what_the_encoding_loses_is_said(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv444p10le", count=2)
    with pytest.warns(UserWarning, match=r"out.mov: 12 bits per channel become 10"):
        joined([clip], tmp_path / "out.mov")


def test_without_any_sound_there_is_no_stream(tmp_path: Path) -> None:
    clips = [make_clip(tmp_path / f"{name}.mkv", count=6) for name in "ab"]
    plan = join([JoinClip(clip) for clip in clips], tmp_path / "out.mkv", crossfade=0.1)
    assert plan.sound is None
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize(("transfers", "message"), [((16, 14), "PQ and .* is SDR"), ((18, 16), "HLG and .* is PQ")])
def test_hdr_is_not_mixed(tmp_path: Path, transfers: tuple[int, int], message: str) -> None:
    grey = [torch.full((3, 48, 64), 0.4)] * 6
    clips = [make_hdr_clip(tmp_path / f"{transfer}.mkv", grey, transfer) for transfer in transfers]
    with pytest.raises(InputError, match=message):
        plan_join(clips, tmp_path / "out.mkv", crossfade=0.1)


def test_what_cannot_be_joined_is_refused(clips: tuple[Path, Path], tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "still.png")
    (tmp_path / "broken.mkv").write_bytes(clips[0].read_bytes()[:2000])
    output = tmp_path / "out.mkv"
    for refused, options, message in (
        (clips, {"crossfade": 0.6}, r"first.mkv: 0.48 s are too short for cross-fades of 0.60 s; 0.48 s fit"),
        (clips, {"crossfade": -1}, "0 seconds or more"),
        (clips, {"crossfade": float("nan")}, "0 seconds or more"),
        ([], {}, "no clip"),
        ([clips[0], tmp_path / "still.png"], {}, "only videos are joined"),
        ([clips[0], tmp_path / "missing.mkv"], {}, "no such file"),
        ([clips[0], tmp_path / "broken.mkv"], {"crossfade": 0}, "broken.mkv"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            joined(list(refused), output, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="one of the clips"):
        joined(list(clips), clips[1], crossfade=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mkv", "first.mkv", "second.mkv", "still.png"]


def test_a_failure_on_the_way_leaves_nothing(clips: tuple[Path, Path], tmp_path: Path) -> None:
    def fail(frame: object) -> torch.Tensor:
        raise InputError("no grade")

    with pytest.raises(InputError, match="no grade"):
        join([JoinClip(clips[0]), JoinClip(clips[1], fail)], tmp_path / "out.mkv", crossfade=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.mkv", "second.mkv"]
