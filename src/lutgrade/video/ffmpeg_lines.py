"""The `ffmpeg` command lines that do what was done here: for those who go on in a shell, and to check it against.

FFmpeg's own arithmetic is left at its most exact (16-bit RGB, accurate rounding, matrix and range said), so that the
pictures agree within rounding; only its vignette works in 8 bits.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lutgrade.video.convert import LUMA_WEIGHTS
from lutgrade.video.effects import Effects
from lutgrade.video.encoding import Encoding
from lutgrade.video.info import VideoInfo
from lutgrade.video.joining import JoinPlan
from lutgrade.video.layout import layout_of
from lutgrade.video.sound import SYNC, sample_bounds
from lutgrade.video.sound_format import SoundFormat
from lutgrade.video.timeline import Placement
from lutgrade.video.track import HEVC, HEVC_TAG, written_coding

Cubes = Sequence[tuple[float, Path | None]]
"""The `.cube` of every shot (None leaves it as it is) from its second on: one from 0 for a whole clip."""

_MARGIN = 0.001  # seconds before the first frame of a shot, for FFmpeg's clock is rounded

_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
_RGB, _RGBA = "gbrp16le", "gbrap16le"


@dataclass(frozen=True)
class _Work:
    """What is done to each clip, and the pixel format that it is done in."""

    effects: Effects
    interpolation: str
    pixel_format: str

    @classmethod
    def of(cls, effects: Effects | None, interpolation: str, encoding: Encoding) -> _Work:
        has_alpha = layout_of(encoding.pixel_format).has_alpha
        return cls(effects or Effects(), interpolation, _RGBA if has_alpha else _RGB)


def grade_line(
    info: VideoInfo,
    output: Path,
    encoding: Encoding,
    cubes: Cubes = (),
    effects: Effects | None = None,
    *,
    interpolation: str = "tetrahedral",
) -> str:
    """The command that grades a clip with its LUTs, then with effects, and copies all but the picture."""
    work = _Work.of(effects, interpolation, encoding)
    graph = _graded("0:V", "v", info, cubes, work, f",{_from_rgb(info, encoding)}")
    copies = ["-map", "0:a?", "-map", "0:s?", "-c:a", "copy", "-c:s", "copy"]
    return shlex.join(
        [
            *("ffmpeg", "-i", _named(info.path), "-filter_complex", ";".join(graph), "-map", "[v]"),
            *copies,
            *_encoder(info, encoding, output),
            _named(output),
        ]
    )


def join_line(
    plan: JoinPlan,
    output: Path,
    cubes: Sequence[Cubes] = (),
    effects: Effects | None = None,
    *,
    interpolation: str = "tetrahedral",
) -> str:
    """The command that joins clips as `join` does, each graded with its LUTs, then with effects."""
    graph: list[str] = []
    work = _Work.of(effects, interpolation, plan.encoding)
    for i, info in enumerate(plan.infos):
        own = cubes[i] if cubes else ()
        graph += _graded(f"{i}:V", f"v{i}", info, own, work, _on_canvas(plan, i))
    graph += _joined_pictures(plan)
    first = plan.infos[0]
    arguments = ["ffmpeg", *(part for info in plan.infos for part in ("-i", _named(info.path)))]
    sound: list[str] = []
    if plan.sound is not None:
        graph += _joined_sound(plan, plan.sound)
        sound = ["-map", "[a]", "-c:a", plan.sound.encoder]
        sound += ["-b:a", str(plan.sound.bit_rate)] if plan.sound.bit_rate else []
    arguments += ["-filter_complex", ";".join(graph), "-map", "[v]", *sound]
    return shlex.join([*arguments, *_encoder(first, plan.encoding, output), _named(output)])


def _graded(source: str, label: str, info: VideoInfo, cubes: Cubes, work: _Work, after: str) -> Iterator[str]:
    """The chains from an input to a label: RGB, LUTs, effects, and whatever comes `after` (with its comma)."""
    effects = work.effects
    steps = [*_lut_filters(cubes, info, work.interpolation), *(effect.ffmpeg() for effect in effects.color)]
    if effects.vignette is not None:
        steps.append(_shaded(effects.vignette.ffmpeg(info.sample_aspect_ratio), label, work.pixel_format))
    if effects.opacity == 1 or not steps:
        yield f"[{source}]{','.join([_to_rgb(info, work.pixel_format), *steps])}{after}[{label}]"
        return
    yield f"[{source}]{_to_rgb(info, work.pixel_format)},split[{label}top][{label}under]"
    yield f"[{label}top]{','.join(steps)}[{label}graded]"
    blend = f"blend=all_mode=normal:all_opacity={effects.opacity:g}"
    yield f"[{label}graded][{label}under]{blend}{after}[{label}]"


def _shaded(vignette: str, label: str, pixel_format: str) -> str:
    """The vignette, which FFmpeg does in 8 bits and without alpha."""
    shaded = f"format=rgb24,{vignette},format={_RGB}"
    if pixel_format == _RGB:
        return shaded
    color, rest, alpha, done = (f"[{label}{part}]" for part in ("color", "rest", "alpha", "shaded"))
    kept = f"split{color}{rest};{rest}extractplanes=a{alpha};{color}{shaded}{done}"
    return f"{kept};{done}{alpha}mergeplanes=0x00010210:{pixel_format}"


def _lut_filters(cubes: Cubes, info: VideoInfo, interpolation: str) -> Iterator[str]:
    early = float(info.origin) + _MARGIN  # FFmpeg counts from the earliest stream of a file
    for i, (start, cube) in enumerate(cubes):
        bounds = [f"gte(t,{start - early:.6f})"] if i > 0 else []
        bounds += [f"lt(t,{cubes[i + 1][0] - early:.6f})"] if i + 1 < len(cubes) else []
        shot = f":enable='{'*'.join(bounds)}'" if bounds else ""
        if cube is not None:
            yield f"lut3d=file={_escaped(str(cube))}:interp={interpolation}{shot}"


def _to_rgb(info: VideoInfo, pixel_format: str) -> str:
    if info.matrix not in LUMA_WEIGHTS:
        return f"format={pixel_format}"
    value_range = "full" if info.full_range else "limited"
    return f"scale=in_color_matrix={info.matrix}:in_range={value_range}:{_EXACT},format={pixel_format}"


def _from_rgb(info: VideoInfo, encoding: Encoding) -> str:
    if layout_of(encoding.pixel_format).kind == "rgb":
        return f"format={encoding.pixel_format}"
    _, coding = written_coding(info, encoding.pixel_format)
    value_range = "full" if coding.full_range else "limited"
    return f"scale=out_color_matrix={coding.matrix}:out_range={value_range}:{_EXACT},format={encoding.pixel_format}"


def _on_canvas(plan: JoinPlan, index: int) -> str:
    """A clip's filters onto the sequence's canvas and clock."""
    info, (width, height) = plan.infos[index], plan.size
    place = Placement.within((info.width, info.height), plan.size, plan.aspect(index))
    steps = ["setpts=PTS-STARTPTS"]
    if (place.width, place.height) != (info.width, info.height):
        steps.append(f"scale={place.width}:{place.height}:{_EXACT}")
    if (place.width, place.height) != plan.size:
        steps.append(f"pad={width}:{height}:{place.left}:{place.top}")
    aspect = plan.infos[0].sample_aspect_ratio
    # Filters of two inputs lose the duration of the last frame, and `fps` would lose that frame with it.
    steps += [f"setsar={aspect.numerator}/{aspect.denominator}", "tpad=stop=2:stop_mode=clone"]
    steps += [f"fps={plan.timeline.rate}", f"trim=end_frame={plan.timeline.counts[index]}"]
    return "".join(f",{step}" for step in steps)


def _joined_pictures(plan: JoinPlan) -> Iterator[str]:
    timeline, count = plan.timeline, len(plan.infos)
    tail = _from_rgb(plan.infos[0], plan.encoding)
    if count == 1 or timeline.overlap == 0:
        ticks = f"setpts=N/({timeline.rate})/TB"  # `concat` does not know how long clips of one frame last
        yield "".join(f"[v{i}]" for i in range(count)) + f"concat=n={count},{ticks},{tail}[v]"
        return
    before = "v0"
    for i in range(1, count):
        duration, offset = timeline.overlap / timeline.rate, timeline.starts[i] / timeline.rate
        after = f",{tail}[v]" if i == count - 1 else f"[x{i}]"
        yield f"[{before}][v{i}]xfade=duration={float(duration):.6f}:offset={float(offset):.6f}{after}"
        before = f"x{i}"


def _joined_sound(plan: JoinPlan, sound: SoundFormat) -> Iterator[str]:
    starts, ends = sample_bounds(plan.timeline, sound)
    alike = f"aformat=sample_fmts=fltp:sample_rates={sound.rate}:channel_layouts={sound.layout}"
    for i, info in enumerate(plan.infos):
        late = float(info.start - info.origin)  # FFmpeg's clock begins with the earliest stream, ours with the picture
        shifted = f"asetpts=PTS-{late:.6f}/TB," if late else ""
        timed = f"[{i}:a:0]{shifted}aresample={sound.rate}:{SYNC.format(0)}"
        source = timed if info.has_audio else f"anullsrc=r={sound.rate}:cl={sound.layout}"
        yield f"{source},{alike},apad,atrim=end_sample={ends[i] - starts[i]}[a{i}]"
    count = len(plan.infos)
    if count == 1 or plan.timeline.overlap == 0:
        yield "".join(f"[a{i}]" for i in range(count)) + f"concat=n={count}:v=0:a=1[a]"
        return
    before = "a0"
    for i in range(1, count):
        after = "a" if i == count - 1 else f"y{i}"
        yield f"[{before}][a{i}]acrossfade=ns={ends[i - 1] - starts[i]}:c1=qsin:c2=qsin[{after}]"
        before = after


def _encoder(info: VideoInfo, encoding: Encoding, output: Path) -> list[str]:
    arguments = ["-c:v", encoding.encoder]
    if encoding.encoder == HEVC and output.suffix.lower() in (".mp4", ".mov"):
        arguments += ["-tag:v", HEVC_TAG]
    for name, value in encoding.options.items():
        arguments += [f"-{name}", value]
    tags = {"-color_primaries": info.primaries, "-color_trc": info.transfer}
    if layout_of(encoding.pixel_format).kind == "yuv":
        (matrix_code, range_code), _ = written_coding(info, encoding.pixel_format)
        tags |= {"-colorspace": matrix_code, "-color_range": range_code}
    return [*arguments, *(part for name, code in tags.items() for part in (name, str(code)))]


def _named(path: Path) -> str:
    """A path that FFmpeg takes neither for an option nor, up to a colon, for a protocol."""
    plain = path.is_absolute() or not (path.parts[0].startswith("-") or ":" in path.parts[0])
    return str(path) if plain else f"./{path}"


def _escaped(value: str) -> str:
    """A value inside a filter graph: escaped once as an option and once as a part of the graph."""
    for special in ("\\':", "\\'[],;"):
        value = "".join(f"\\{character}" if character in special else character for character in value)
    return value
