"""`lutgrade.grade`: a clip, a still or a folder of frames graded to a reference, with LUTs, sheet and report."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutgrade.adapting import adapt_to_clip, check_adaptable
from lutgrade.analysis import AnalysedShot, analyse, read_references, returning
from lutgrade.color.hdr import HDR_TRANSFERS
from lutgrade.errors import InputError
from lutgrade.loading import Loaded, load
from lutgrade.lut import Lut
from lutgrade.models.frames import resized
from lutgrade.options import GradeOptions
from lutgrade.outputs import Outputs, remove_unchanged
from lutgrade.predicting import predict_grade
from lutgrade.progress import Progress, silent
from lutgrade.protocols import LutModel
from lutgrade.rendering import render
from lutgrade.reporting import mean_difference, write_report, write_sheet
from lutgrade.results import GradedShot, GradeResult
from lutgrade.selecting import KEYFRAME_SECONDS
from lutgrade.video import Frame, VideoInfo, open_video, open_writer

NOTICEABLE = 1.0  # CIEDE2000
FLAT = 0.02  # deviation of a reference's widest channel under which there is no look to take


def grade(
    content: str | Path,
    reference: str | Path,
    output: str | Path | Outputs | None = None,
    *,
    model: LutModel | str | Path | None = None,
    look: Lut | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> GradeResult:
    """Grades `content` to the look of `reference`; each is a video, an image or a folder of frames.

    The clip is read twice: once, small, to find its shots and the frame of each that is most like the reference,
    and once to grade it. Every shot has one grade, so that nothing flickers inside it, and a shot that returns to an
    earlier one has the same. Codec, pixel format, bit depth, frame times, colour tags, metadata, audio, subtitles
    and timecode follow the content.

    Args:
        output: the graded file, by default `<content>_graded` beside the content; its cube, contact sheet and
            report lie beside it. `Outputs` names each.
        model: a `LutModel`, or what `load_model` takes; None is the default model.
        look: comes after every grade, for what is displayed, and is in the LUTs that are written.
        overwrite: replace outputs that exist; an input is never replaced.
        progress: shows how far each step is.
        options: the fields of `GradeOptions`: strength, per_shot, share_shots, size, interpolation, input_log,
            matrix, device, selector, adapt, parameters.

    Raises:
        InputError: bad input or options; nothing has been written.
        LutgradeError: writing failed; nothing half-written is left.
    """
    start = time.perf_counter()
    settings = GradeOptions(**options)
    content, reference = Path(content), Path(reference)
    outputs = output if isinstance(output, Outputs) else Outputs.beside(content, output)
    outputs.check([content, reference], overwrite=overwrite)
    loaded = load(model, settings)
    return grade_with(loaded, content, reference, outputs, settings, look=look, progress=progress, start=start)


def grade_with(
    loaded: Loaded,
    content: Path,
    reference: Path,
    outputs: Outputs,
    options: GradeOptions,
    *,
    look: Lut | None = None,
    progress: Progress = silent,
    start: float | None = None,
) -> GradeResult:
    """`grade` with what is loaded already, into outputs that have been checked; the total time is from `start` on."""
    start = time.perf_counter() if start is None else start
    references = _read_reference(reference, loaded.side)
    analysed, seconds = _analyse(content, references, loaded, options, progress)
    shots, predicted = _predict(loaded.model, analysed, references, outputs, options, progress)
    if look is not None:
        shots = [replace(shot, grade=shot.grade.then(look)) for shot in shots]
    info, rendered = _render(content, outputs, shots, options, progress)
    result = GradeResult(
        content=info,
        reference=reference,
        outputs=outputs,
        model=loaded.name,
        options=asdict(options) | {"look": None if look is None else look.title},
        shots=shots,
        frames=analysed[-1].shot.stop,
        seconds=seconds | predicted | rendered,
        warnings=_warnings(shots, options),
    )
    return _write_extras(result, start)


def _read_reference(path: Path, side: int) -> list[Frame]:
    with open_video(path, max_side=side, every=KEYFRAME_SECONDS) as reader:
        refuse_hdr(reader.info)
        return read_references(reader)


def _analyse(
    content: Path,
    references: Sequence[Frame],
    loaded: Loaded,
    options: GradeOptions,
    progress: Progress,
) -> tuple[list[AnalysedShot], dict[str, float]]:
    start = time.perf_counter()
    images = [frame.image for frame in references]
    with open_video(content, max_side=loaded.side, matrix=options.matrix) as reader:
        info = reader.info
        refuse_hdr(info)
        with progress("analyse", info.frames) as advance:
            frames = _counted(_to_display(reader, options.input_log), advance)
            rate = float(info.frame_rate)
            shots = analyse(frames, images, rate, per_shot=options.per_shot, selector=loaded.selector)
    return shots, {"analyse": time.perf_counter() - start}


def _predict(
    model: LutModel,
    analysed: Sequence[AnalysedShot],
    references: Sequence[Frame],
    outputs: Outputs,
    options: GradeOptions,
    progress: Progress,
) -> tuple[list[GradedShot], dict[str, float]]:
    """The shots with their grades, from a model that is adapted first where that is asked for."""
    seconds, mark = {}, time.perf_counter()
    takes = returning(analysed) if options.share_shots else list(range(len(analysed)))
    matched = [references[shot.keyframe.reference] for shot in analysed]
    pairs = {of: (analysed[of].keyframe.image, matched[of].image) for of in takes}
    if options.adapt:
        content, reference = (_stacked(images).to(options.device) for images in zip(*pairs.values(), strict=True))
        model = adapt_to_clip(check_adaptable(model), content, reference, options.adapt, progress)
        seconds["adapt"], mark = time.perf_counter() - mark, time.perf_counter()
    grades = {of: predict_grade(model, *pair, options) for of, pair in pairs.items()}
    shots = [
        GradedShot(shot, frame, grades[of], outputs.cube_of(of, len(grades)), of)
        for shot, frame, of in zip(analysed, matched, takes, strict=True)
    ]
    return shots, seconds | {"predict": time.perf_counter() - mark}


def _stacked(images: Sequence[Tensor]) -> Tensor:
    """Images `[3, h, w]` in [0, 1] as `[K, 3, H, W]`; those that lost bars are brought to the largest size."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    return torch.cat([resized(image[None], height, width) for image in images])


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
    grades = [shot.grade.to(options.device) for shot in shots]
    with (
        open_video(content, matrix=options.matrix) as reader,
        open_writer(outputs.graded, like=reader) as writer,
        progress("grade", shots[-1].analysed.shot.stop) as advance,
    ):
        seconds = render(
            reader,
            writer,
            lambda index: grades[bisect.bisect_right(starts, index) - 1],
            interpolation=options.interpolation,
            device=options.device,
            advance=advance,
        )
        return reader.info, seconds


def _write_extras(result: GradeResult, start: float) -> GradeResult:
    mark = time.perf_counter()
    earlier = result.outputs.earlier_cubes()
    for cube, lut in {shot.cube: shot.lut for shot in result.shots}.items():
        if cube is not None:
            lut.save(cube)
    remove_unchanged({cube: digest for cube, digest in earlier.items() if cube not in result.cubes})
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
        kind = HDR_TRANSFERS[info.transfer].name
        raise InputError(f"{info.path} is HDR ({kind}) and would be graded as SDR; convert it to SDR first")


def _warnings(shots: list[GradedShot], options: GradeOptions) -> list[str]:
    warnings = []
    change = max(float((shot.after - shot.before).abs().max()) for shot in shots)
    if options.strength > 0 and change < 1 / 255:
        warnings.append(
            "the grade changes nothing: the content already looks like the reference, or the model found no change"
        )
    elif all(
        mean_difference(shot.after, shot.reference) > mean_difference(shot.before, shot.reference) + NOTICEABLE
        for shot in shots
    ):
        warnings.append("the mean colours moved away from the reference's; --model unbalanced_mkl or mkl follow them")
    if min(float(shot.reference.flatten(1).std(1, correction=0).max()) for shot in shots) < FLAT:
        warnings.append(
            "the reference is nearly one colour, which flattens the content: take a picture that holds more"
        )
    amounts = sorted({f"{shot.grade.sharpness:.3f}" for shot in shots if shot.grade.sharpness != 1})
    if amounts:
        said = amounts[0] if len(amounts) == 1 else f"{amounts[0]} to {amounts[-1]}"
        warnings.append(f"sharpness {said} is spatial: it was applied to the frames after the LUT and is in no .cube")
    return warnings
