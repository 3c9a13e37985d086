"""What sound is encoded as, by the kind of file."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from lutgrade.video.joining import JoinClip, join, plan_join
from video.video_clips import decoded, make_clip


@pytest.mark.parametrize(
    ("suffix", "codec", "output", "expected"),
    [
        (".mp4", "aac", "out.mp4", "aac"),
        (".mkv", "pcm_s16le", "out.mkv", "pcm_s16le"),
        (".mov", "pcm_s16le", "out.mov", "pcm_s16le"),
        (".mkv", "pcm_s16le", "out.mp4", "aac"),
        (".mkv", "flac", "out.mov", "aac"),
        (".mkv", "flac", "out.mp4", "flac"),
        (".mkv", "flac", "out.ts", "aac"),
        (".mkv", "aac", "out.mxf", "pcm_s16le"),
        (".mp4", "aac", "out.webm", "libopus"),
        (".mkv", "libopus", "out.webm", "libopus"),
    ],
)
def test_the_encoder_is_the_clips_own_or_one_that_the_file_takes(
    tmp_path: Path, suffix: str, codec: str, output: str, expected: str
) -> None:
    clip = make_clip(tmp_path / f"a{suffix}", audio=codec, count=4)
    sound = plan_join([clip], tmp_path / output).sound
    assert sound is not None
    assert (sound.encoder, sound.rate, sound.layout) == (expected, 48000, "mono")


def test_a_quiet_clip_does_not_starve_the_others_of_bits(tmp_path: Path) -> None:
    path = tmp_path / "quiet.mp4"
    with av.open(str(path), "w") as output:
        video, audio = output.add_stream("libx264", rate=25, width=64, height=48), output.add_stream("aac", rate=48000)
        video.codec_context.colorspace = 1
        picture = av.VideoFrame(64, 48, "yuv420p")
        picture.colorspace = 1
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024 * 20), np.float32), format="fltp", layout="stereo")
        silence.rate = 48000
        output.mux([*video.encode(picture), *audio.encode(silence), *video.encode(None), *audio.encode(None)])
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.bit_rate < 10_000
    sound = plan_join([path], tmp_path / "out.mp4").sound
    assert sound is not None
    assert sound.bit_rate == 192_000


def test_webm_takes_the_sound_of_other_files(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "a.webm", codec="libvpx", count=4)
    second = make_clip(tmp_path / "b.mp4", count=4, audio="aac")
    join([JoinClip(first), JoinClip(second)], tmp_path / "out.webm", crossfade=0.04)
    with av.open(str(tmp_path / "out.webm")) as container:
        assert container.streams.audio[0].codec_context.name == "opus"


def test_sound_that_the_file_cannot_hold_is_left_out_and_said(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", codec="rawvideo", audio="pcm_s16le", count=3)
    with pytest.warns(UserWarning, match=r"out.y4m: the sound of the clips is left out, .y4m cannot hold it"):
        join([JoinClip(clip)], tmp_path / "out.y4m", codec="rawvideo")
    assert len(decoded(tmp_path / "out.y4m")) == 3
