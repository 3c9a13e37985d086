"""`lutgrade.match`: clips in, clips out that look shot by one camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from lutgrade.consistency.deciding import Decision, buckets_of, decide, grouped
from lutgrade.consistency.fitting import load_models
from lutgrade.consistency.folder import opened
from lutgrade.consistency.measuring import measure_clips
from lutgrade.consistency.naming import HTML, JSON, SHEET
from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.plan import METHODS, Clip, MatchOptions, Unit
from lutgrade.consistency.probing import check_chosen, check_left, probe, with_heroes
from lutgrade.consistency.rendering import Rendered, render_best, render_one
from lutgrade.consistency.report import write_reports
from lutgrade.consistency.results import MatchReport
from lutgrade.consistency.run import Run
from lutgrade.consistency.store import identity, key_of
from lutgrade.consistency.summary import summarise
from lutgrade.consistency.targets import TargetSpec
from lutgrade.consistency.tries import Bucket
from lutgrade.consistency.workers import how_many, workers
from lutgrade.process import one_thread
from lutgrade.progress import Progress, silent
from lutgrade.protocols import LutModel

RETRIED = 2  # candidates, where the files of the best miss the threshold
MATCHED_BY = "scipy.optimize"  # what comparing colours needs, and takes half a second to load


def match(
    clips: Sequence[Clip | str | Path] | Clip | str | Path,
    output_dir: str | Path | None = None,
    *,
    target: TargetSpec | str = "average",
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> MatchReport:
    """Grades clips so that they match; writes clips, LUTs, a contact sheet and a report.

    Each clip is looked at once a second, matched to the target by one LUT (or one a shot), graded with sound and tags
    kept, and measured again from the file written. A clip that cannot be read or written does not stop the others,
    unless it is the one that they are to match. What was done before with the same inputs and options is not done
    again. Clips that are all PQ, or all HLG, are matched as the light that a display shows.

    Args:
        clips: videos, images or folders of frames, or one of them; `Clip` gives one a weight, a group or segments.
        output_dir: made if it is missing; by default `matched` beside the first clip. The clips keep their names.
        target: `average`, `first`, `brightest`, `hero`, `hero=CLIP` (a path, a file name or a stem),
            `reference=FILE`, `palette=#RRGGBB,...`, `synthetic=L,a,b,dL,da,db` or `lut=FILE`.
        overwrite: replace files in the folder that no earlier match wrote.
        progress: shows how far each step is.
        options: the fields of `MatchOptions`: method, strength, threshold, protect_skin, groups, per_shot, ...

    Raises:
        InputError: bad options, HDR and SDR clips together, a clip to match that cannot be read, no clip that can, a
            folder whose files may not be replaced, or that another match is writing into. Nothing is written.
    """
    start, cpu = time.perf_counter(), time.process_time()
    clips = [clips] if isinstance(clips, Clip | str | Path) else clips
    spec = target if isinstance(target, TargetSpec) else TargetSpec.parse(str(target))
    settings = MatchOptions(target=spec, **options)
    asked = [clip if isinstance(clip, Clip) else Clip(Path(clip)) for clip in clips]
    outputs = MatchOutputs.plan([clip.path for clip in asked], output_dir, overwrite=overwrite)
    asked, spec = with_heroes(asked, spec, outputs.names)
    targets = [spec, *(segment.target for clip in asked for segment in clip.segments if segment.target)]
    outputs.check_inputs([file for wanted in targets for file in wanted.files])
    probed = probe(asked)
    check_chosen(probed.clips, spec, outputs.names, probed.failed)
    settings = replace(settings, target=spec).of(probed.encoding, probed.clips)
    count = how_many(probed.sizes, settings.workers, settings.memory)
    with opened(outputs) as store, _little_work(count, settings.methods):
        with workers(count) as processes:
            models = load_models(settings.methods, probed.encoding, settings.nodes, settings.device)
            if count > 1:  # while they look at the clips, this process has time
                threading.Thread(target=import_module, args=(MATCHED_BY,)).start()
            run = Run(probed.clips, outputs, settings, probed.encoding, progress, store, processes, probed.failed)
            report = _match(run, models)
        outputs.claim([SHEET, HTML, JSON])
        with run.step("report"):
            write_reports(replace(report, seconds=run.seconds | _total(start, cpu - processes.cpu)))
    return replace(report, seconds=run.seconds | _total(start, cpu - processes.cpu))


def _little_work(count: int, methods: Sequence[str]) -> AbstractContextManager[None]:
    """One thread for this process where others do the work and it is a few closed forms that are left to it."""
    return one_thread() if count > 1 and {*methods} <= {*METHODS} else nullcontext()


def _total(start: float, cpu: float) -> dict[str, float]:
    """Seconds since the start, on the clock and of CPU."""
    return {"total": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def _match(run: Run, models: Mapping[str, LutModel]) -> MatchReport:
    with run.step("profile"):
        units = measure_clips(run)
    check_left(run.clips, run.failed)
    check_chosen(run.clips, run.options.target, run.outputs.names, run.failed, units)
    with run.step("fit"):
        units = grouped(units, run.options)
        buckets = buckets_of(units, run.options)
    decision, rendered = _chosen(run, units, buckets, models)
    return summarise(run, units, buckets, decision, rendered)


def _chosen(
    run: Run, units: Sequence[Unit], buckets: Sequence[Bucket], models: Mapping[str, LutModel]
) -> tuple[Decision, Rendered]:
    """What is decided, and the best candidate in files; it alone, where an earlier match found which that is."""
    keys = [str(identity(run.clips[unit.clip].path)) for unit in units]

    def decided(count: int) -> Decision:
        with run.step("fit"):
            return decide(run.store, units, buckets, keys, run.options, models, count)

    count = 1
    decision = decided(count)
    key = key_of("chosen", decision.key, run.options.interpolation)
    found = run.store.read_json("chosen", key)
    if found is not None:
        decision = decided(found["count"])
        return decision, render_one(run, decision.candidates[found["index"]], units, buckets)
    rendered = render_best(run, decision, units, buckets)
    if decision.tries[0]["below_threshold"] and not rendered.consistency.below(run.options.threshold):
        count = RETRIED  # the files do not bear it out
        decision = decided(count)
        rendered = render_best(run, decision, units, buckets)
    if not run.failed:
        index = decision.candidates.index(rendered.candidate)
        run.store.write_json("chosen", key, {"count": count, "index": index})
    return decision, rendered
