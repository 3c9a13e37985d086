"""Links and indexes a data set that lies on disk: no copies, no downloads.

    python scripts/prepare_data.py davis --root /data/DAVIS
    python scripts/prepare_data.py davis --check

The first writes `datasets/davis/data/root` (a link) and `manifest.jsonl` (path, split, role, size, hash, frame rate),
and says which paths the layout lacks; run again, it only reads files that changed. The second compares the disk with
the manifest. Exit codes: 0, 1 when --check finds a difference, 2 for bad input.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lutgrade.data.layouts import LAYOUTS
from lutgrade.data.prepare import check, prepare
from lutgrade.errors import InputError, LutgradeError
from lutgrade.progress import bar

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(LAYOUTS), help="the data set")
    parser.add_argument("--root", type=Path, help="the folder that it was unpacked in")
    parser.add_argument("--check", action="store_true", help="compare the disk with the manifest")
    parser.add_argument("--full", action="store_true", help="with --check: hash every file, changed or not")
    parser.add_argument("--output", type=Path, default=DATASETS, help="where <name>/data is made (%(default)s)")
    options = parser.parse_args(arguments)
    if options.check and options.root:
        parser.error("--check compares with the root that was prepared: leave --root out")
    if options.full and not options.check:
        parser.error("--full goes with --check")
    folder = options.output / options.name / "data"
    try:
        if options.check:
            report = check(folder, full=options.full, progress=bar)
        elif options.root is None:
            raise InputError(f"--root: give the folder that {options.name} was unpacked in")
        else:
            report = prepare(options.name, options.root, folder, progress=bar)
    except LutgradeError as error:
        print(f"prepare_data: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    print(report)
    return int(options.check and not report.sound)


if __name__ == "__main__":
    sys.exit(main())
