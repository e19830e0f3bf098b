"""`python -m tests.tools.fuzz`: run random programs against the oracle."""

from __future__ import annotations

import argparse
import sys
import time

from .runner import Options, run


def main() -> int:
    """Run as the options say; return 0 if every probe was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.fuzz", description=__doc__)
    parser.add_argument("--probes", type=int, default=10_000, help="stop after so many probes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first program")
    parser.add_argument("--size", type=int, default=40, help="statements per program, about")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--programs", type=int, help="stop after so many programs")
    parser.add_argument("--show", type=int, default=3, help="show so many failing programs")
    parser.add_argument(
        "--trace",
        choices=("off", "line", "opcode", "collection"),
        default="off",
        help="probe from a trace function as well, at every line or every instruction; or whenever "
        "the collector comes, from its callbacks and from finalizers",
    )
    parser.add_argument(
        "--self-check",
        action="store_true",
        help="test the oracle itself against the syntax tree, without stackscope",
    )
    parser.add_argument(
        "--minimise", action="store_true", help="shrink the first failing program and show it"
    )
    arguments = vars(parser.parse_args())
    minimise = arguments.pop("minimise")
    options = Options(**arguments)
    start = time.monotonic()
    if minimise:
        from .minimise import first_failure_minimised

        options.show = 0
        text = first_failure_minimised(options)
        print(text or "no failure found")
        return 1 if text else 0
    figures = run(options)
    seconds = time.monotonic() - start
    rate = figures.probes / seconds if seconds else 0
    print(f"{figures}; {seconds:.1f} s, {rate:,.0f} probes/s")
    return 1 if figures.wrong or figures.side_effects or figures.unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
