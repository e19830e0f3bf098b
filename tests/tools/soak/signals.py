"""Signals that ask for dumps, a thousand in a second, whatever the program does meanwhile.

``python -m tests.tools.soak.signals --seconds 60`` has programs fork, import, collect garbage and
end, again and again, while signals arrive. What they compute must be right, and each ends with the
status that it would have.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Dict, List, Optional

PAUSE = 0.0008
"""Seconds between two signals: a thousand of them take about one second."""

STATUS = 7
"""What each program ends with."""

START = """
import gc, os, signal, sys, threading, time, weakref
import stackscope
stackscope.register(signal.SIGUSR1, open(sys.argv[1], "w"))
print("ready", flush=True)
until = time.monotonic() + float(sys.argv[2])
rounds = 0
while time.monotonic() < until or not rounds:
    rounds += 1
"""

WORK: Dict[str, str] = {
    "fork": """
        child = os.fork()
        if not child:
            with threading.Lock():
                os._exit(rounds % 100)
        while True:
            done, status = os.waitpid(child, 0)
            if done:
                break
        assert status == rounds % 100 << 8, status
        """,
    "import": """
        for name in ("json.tool", "json.decoder", "email.message", "decimal", "_pydecimal"):
            sys.modules.pop(name, None)
            __import__(name)
            assert name in sys.modules
        """,
    "collect": """
        class Node: pass
        nodes = [Node() for _ in range(3000)]
        for one, other in zip(nodes, nodes[1:]):
            one.next, other.previous = other, one
        reference = weakref.ref(nodes[0])
        del nodes, one, other
        gc.collect()
        # On PyPy it lives on, whatever the handler does.
        assert reference() is None or sys.implementation.name == "pypy"
        """,
    "exit": """
        import asyncio
        async def main():
            lock = asyncio.Lock()
            async with lock:
                await asyncio.gather(*[asyncio.sleep(0.001) for _ in range(5)])
            return rounds
        assert asyncio.run(main()) == rounds
        if rounds == 1:
            break
        """,
}
"""What the programs do in each round."""


class Outcome:
    """What became of one program."""

    def __init__(self, work: str, signals: int, status: int, dumps: int, errors: str) -> None:
        self.work = work
        self.signals = signals
        self.status = status
        self.dumps = dumps
        self.errors = errors

    @property
    def is_good(self) -> bool:
        """Whether it ended as it should, and has answered."""
        return self.status == STATUS and not self.errors and self.dumps > 0

    def __repr__(self) -> str:
        words = f"{self.work}: status {self.status} after {self.signals} signals"
        return f"{words}, {self.dumps} dumps {self.errors[-2000:]}"


def run(work: str, seconds: float, fewest: int = 0) -> Outcome:
    """Send signals to one program until it has ended.

    Args:
        work: Which of `WORK`.
        seconds: How long the program goes on.
        fewest: How many signals to send in any case.
    """
    program = START + textwrap.indent(textwrap.dedent(WORK[work]), "    ")
    program += f"\nsys.exit({STATUS})\n"
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "dump.txt")
        command = [sys.executable, "-X", "faulthandler", "-c", program, str(dump), str(seconds)]
        errors = Path(folder, "errors.txt")
        with errors.open("w") as file:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)
        assert process.stdout is not None
        process.stdout.readline()
        sent = 0
        while process.poll() is None:
            os.kill(process.pid, signal.SIGUSR1)
            sent += 1
            time.sleep(PAUSE)
        process.stdout.close()
        text = dump.read_text(encoding="utf-8")
        return Outcome(
            work,
            sent,
            process.returncode,
            text.count("+++ end of"),
            errors.read_text(encoding="utf-8", errors="replace"),
        )


def main(arguments: Optional[List[str]] = None) -> int:
    """Run all kinds of work in turn, until the time is up."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.soak.signals", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--each", type=float, default=2, help="seconds that one program runs")
    options = parser.parse_args(arguments)
    until = time.monotonic() + options.seconds
    totals: Dict[str, int] = dict.fromkeys(WORK, 0)
    bad = 0
    while time.monotonic() < until:
        for work in WORK:
            outcome = run(work, options.each)
            totals[work] += outcome.signals
            if not outcome.is_good:
                bad += 1
                print(outcome, flush=True)
    counts = ", ".join(f"{count} during {work}" for work, count in totals.items())
    print(f"signals: {counts}; {bad} programs went wrong")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
