"""`lutgrade.grade`: a clip, a still or a folder of frames graded to a reference, with LUTs, sheet and report."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutgrade.analysis import ANALYSIS_SIDE, KEYFRAME_SECONDS, AnalysedShot, analyse, read_references
from lutgrade.checkpoints import DEFAULT_MODEL, load_model
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.outputs import Outputs
from lutgrade.progress import Progress, silent
from lutgrade.protocols import LutModel
from lutgrade.rendering import render
from lutgrade.reporting import write_report, write_sheet
from lutgrade.results import GradedShot, GradeResult
from lutgrade.video import Frame, VideoInfo, open_video, open_writer

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # the code points of ITU-T H.273


@dataclass(frozen=True)
class GradeOptions:
    """How a clip is graded.

    Args:
        strength: 0 leaves the content as it is, 1 is the model's grade, above 1 goes further.
        per_shot: False grades the whole clip with one LUT.
        size: nodes a side of the LUT that grades and is written; by default 33, and 65 for log, whose curves are
            steep.
        interpolation: "trilinear" or "tetrahedral".
        input_log: the camera log encoding of the content (`lutgrade.color.log.LOG_ENCODINGS`); the LUTs then take
            log images.
        matrix: the YUV matrix of the content, "bt601", "bt709" or "bt2020", instead of what its file says.
        device: where models and LUTs run, such as "cpu" or "cuda".
    """

    strength: float = 1.0
    per_shot: bool = True
    size: int | None = None
    interpolation: str = "tetrahedral"
    input_log: str | None = None
    matrix: str | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.size is None:
            object.__setattr__(self, "size", 33 if self.input_log is None else 65)
        if not 2 <= self.nodes <= 129:
            raise InputError(f"a LUT has 2 to 129 nodes a side, not {self.nodes}")
        if self.interpolation not in ("trilinear", "tetrahedral"):
            raise InputError(f"interpolation is trilinear or tetrahedral, not '{self.interpolation}'")
        if not 0 <= self.strength <= 4:
            raise InputError(f"strength is from 0 to 4, not {self.strength}")
        if self.input_log is not None:
            from lutgrade.color.log import log_encoding

            log_encoding(self.input_log)
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device '{self.device}' cannot be used: {str(error).splitlines()[0]}") from error

    @property
    def nodes(self) -> int:
        """Nodes a side of the LUT."""
        assert self.size is not None
        return self.size


def grade(
    content: str | Path,
    reference: str | Path,
    output: str | Path | Outputs | None = None,
    *,
    model: LutModel | str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> GradeResult:
    """Grades `content` to the look of `reference`; each is a video, an image or a folder of frames.

    The clip is read twice: once, small, to find its shots and the frame of each that is most like the reference,
    and once to grade it. Every shot has one LUT, so that nothing flickers inside it. Codec, pixel format, bit
    depth, frame times, colour tags, metadata, audio, subtitles and timecode follow the content.

    Args:
        output: the graded file, by default `<content>_graded` beside the content; its cube, contact sheet and
            report lie beside it. `Outputs` names each.
        model: a `LutModel`, or what `load_model` takes; None is the default model.
        overwrite: replace outputs that exist; an input is never replaced.
        progress: shows how far each step is.
        options: the fields of `GradeOptions`: strength, per_shot, size, interpolation, input_log, matrix,
            device.

    Raises:
        InputError: bad input or options; nothing has been written.
        LutgradeError: writing failed; nothing half-written is left.
    """
    start = time.perf_counter()
    settings = GradeOptions(**options)
    content, reference = Path(content), Path(reference)
    outputs = (
        output if isinstance(output, Outputs) else Outputs.beside(content, None if output is None else Path(output))
    )
    outputs.check([content, reference], overwrite=overwrite)
    built = load_model(model, device=settings.device) if model is None or isinstance(model, str | Path) else model

    references = _read_reference(reference)
    analysed, seconds = _analyse(content, references, settings, progress)
    mark = time.perf_counter()
    shots = [
        GradedShot(
            shot,
            references[shot.keyframe.reference],
            predict_lut(built, shot.keyframe.image, references[shot.keyframe.reference], settings),
            outputs.cube_of(index, len(analysed)),
        )
        for index, shot in enumerate(analysed)
    ]
    seconds["predict"] = time.perf_counter() - mark
    info, rendered = _render(content, outputs, shots, settings, progress)
    result = GradeResult(
        content=info,
        reference=reference,
        outputs=outputs,
        model=_name(model),
        options=asdict(settings),
        shots=shots,
        frames=analysed[-1].shot.stop,
        seconds=seconds | rendered,
        warnings=_warnings(shots, settings),
    )
    return _write_extras(result, start)


def predict_lut(model: LutModel, content: Tensor, reference: Tensor, options: GradeOptions) -> Lut:
    """The LUT that takes the content's own encoding to the grade, from a key frame and its reference `[3, h, w]`."""
    with torch.inference_mode():
        grade = model(content[None].to(options.device), reference[None].to(options.device))
        grade = getattr(grade, "lut", grade)  # the part of a colour map that a LUT can hold
        lut = Lut.from_function(lambda x: grade(x.to(options.device)).cpu(), options.nodes)
        lut = lut.blend(options.strength)
        if options.input_log is None:
            return lut
        from lutgrade.color.log import log_to_display

        log = options.input_log
        return Lut.from_function(lambda x: lut(log_to_display(x, log)), options.nodes)


def _read_reference(path: Path) -> Tensor:
    with open_video(path, max_side=ANALYSIS_SIDE, every=KEYFRAME_SECONDS) as reader:
        refuse_hdr(reader.info)
        return read_references(reader)


def _analyse(
    content: Path, references: Tensor, options: GradeOptions, progress: Progress
) -> tuple[list[AnalysedShot], dict[str, float]]:
    start = time.perf_counter()
    with open_video(content, max_side=ANALYSIS_SIDE, matrix=options.matrix) as reader:
        info = reader.info
        refuse_hdr(info)
        with progress("analyse", info.frames) as advance:
            frames = _counted(_to_display(reader, options.input_log), advance)
            shots = analyse(frames, references, float(info.frame_rate), per_shot=options.per_shot)
    return shots, {"analyse": time.perf_counter() - start}


def _to_display(frames: Iterable[Frame], input_log: str | None) -> Iterator[Frame]:
    if input_log is None:
        yield from frames
        return
    from lutgrade.color.log import log_to_display

    lut = Lut.from_function(lambda x: log_to_display(x, input_log), 65)  # close enough to analyse, and fast
    for frame in frames:
        yield replace(frame, image=lut(frame.image))


def _counted(frames: Iterable[Frame], advance: Callable[[], None]) -> Iterator[Frame]:
    for frame in frames:
        advance()
        yield frame


def _render(
    content: Path, outputs: Outputs, shots: list[GradedShot], options: GradeOptions, progress: Progress
) -> tuple[VideoInfo, dict[str, float]]:
    starts = [shot.analysed.shot.start for shot in shots]
    luts = [shot.lut.to(options.device) for shot in shots]
    with (
        open_video(content, matrix=options.matrix) as reader,
        open_writer(outputs.graded, like=reader) as writer,
        progress("grade", shots[-1].analysed.shot.stop) as advance,
    ):
        seconds = render(
            reader,
            writer,
            lambda index: luts[bisect.bisect_right(starts, index) - 1],
            interpolation=options.interpolation,
            device=options.device,
            advance=advance,
        )
        return reader.info, seconds


def _write_extras(result: GradeResult, start: float) -> GradeResult:
    mark = time.perf_counter()
    for shot in result.shots:
        if shot.cube is not None:
            shot.lut.save(shot.cube)
    if result.outputs.sheet is not None:
        write_sheet(result, result.outputs.sheet)
    now = time.perf_counter()
    result = replace(result, seconds=result.seconds | {"sheet": now - mark, "total": now - start})
    if result.outputs.report is not None:
        write_report(result, result.outputs.report)
    return result


def refuse_hdr(info: VideoInfo) -> None:
    """Raises an InputError for PQ and HLG, which a display-referred grade would treat as SDR."""
    if info.transfer in HDR_TRANSFERS:
        raise InputError(
            f"{info.path} is HDR ({HDR_TRANSFERS[info.transfer]}) and would be graded as SDR; convert it to SDR first"
        )


def _name(model: LutModel | str | Path | None) -> str:
    return DEFAULT_MODEL if model is None else str(model) if isinstance(model, str | Path) else type(model).__name__


def _warnings(shots: list[GradedShot], options: GradeOptions) -> list[str]:
    change = max(float((shot.after - shot.before).abs().max()) for shot in shots)
    if options.strength > 0 and change < 1 / 255:
        return ["the grade changes nothing: the content already looks like the reference, or the model found no change"]
    return []
