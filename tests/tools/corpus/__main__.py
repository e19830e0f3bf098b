"""`python -m tests.tools.corpus`: sweep the standard library of the running interpreter."""

from __future__ import annotations

import argparse
import sys
import time

from .sweep import Figures, sample, standard_library, sweep_file


def main() -> int:
    """Sweep as the options say; return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.corpus", description=__doc__)
    parser.add_argument("--seed", type=int, help="take the files in an order by this seed")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--show", type=int, default=20, help="show so many problems")
    options = parser.parse_args()
    figures = Figures()
    start = last_shown = time.monotonic()
    paths = standard_library() if options.seed is None else sample(options.seed)
    for path in paths:
        sweep_file(path, figures)
        now = time.monotonic()
        if options.seconds is not None and now - start > options.seconds:
            break
        if sys.stdout.isatty() and now - last_shown > 0.5:
            last_shown = now
            print(f"\r{figures.files} files of {len(paths)}, {len(figures.wrong)} wrong ", end="")
    for problem in figures.wrong[: options.show]:
        print(problem)
    print(f"{figures}; {time.monotonic() - start:.1f} s")
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
