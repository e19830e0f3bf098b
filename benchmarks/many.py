"""Measures what is done with very many tasks: looking, drawing, dumps, and the debugger's commands.

    python -m benchmarks.many [--tasks N] [--json FILE]

Each runtime is measured in a process of its own. Times are the processor's, those in which no other
thread could run as well, so that other processes don't count.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import io
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import stackscope
import stackscope_pdb

ROOT = Path(__file__).resolve().parent.parent


class Watched:
    """Measures steps, and for how long each keeps another thread from running, at most."""

    def __init__(self):
        self.rows = []
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._longest = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        last = time.clock_gettime(self._clock)
        while True:
            time.sleep(0.001)
            now = time.clock_gettime(self._clock)
            self._longest, last = max(self._longest, now - last), now

    def step(self, title, function):
        """What ``function`` gives."""
        time.sleep(0.02)
        self._longest = 0.0
        start = time.thread_time()
        result = function()
        spent = time.thread_time() - start
        time.sleep(0.02)
        self.rows.append({"title": title, "seconds": spent, "longest stop": self._longest})
        return result


def look(count):
    """All steps, while so many tasks wait."""
    watched = Watched()
    stackscope.extract_all()  # what is only made once
    snapshot = watched.step("``extract_all()``", stackscope.extract_all)
    assert sum(1 for _ in snapshot.tasks()) >= count
    show(watched, snapshot)
    del snapshot
    watched.step("``diagnose()``", stackscope.diagnose)
    watched.step("a dump on a signal", dump)
    watched.rows += commands(count)
    return watched.rows


def show(watched, snapshot):
    """What is made of a snapshot."""
    watched.step("the snapshot as text", lambda: str(snapshot))
    watched.step("the same with all of it", lambda: "".join(snapshot.format(whole=True)))
    watched.step("a page of HTML", lambda: snapshot.to_html(full=True))
    text = watched.step("JSON", snapshot.to_json)
    watched.step("a snapshot from that", lambda: stackscope.Snapshot.from_json(text))
    watched.step("a filter", lambda: snapshot.filter("name:3"))


def dump():
    with tempfile.TemporaryFile("w+") as file:
        stackscope.register(signal.SIGUSR1, file=file)
        os.kill(os.getpid(), signal.SIGUSR1)
        stackscope.unregister(signal.SIGUSR1)
        assert file.seek(0, os.SEEK_END)


class Timed(stackscope_pdb.Pdb):
    """A debugger that measures its commands."""

    def __init__(self, lines):
        text = "".join(f"{line}\n" for line in lines)
        super().__init__(stdin=io.StringIO(text), stdout=io.StringIO(), readrc=False)
        self.use_rawinput = False
        self.rows = []

    def onecmd(self, line):
        start = time.thread_time()
        try:
            return super().onecmd(line)
        finally:
            spent = time.thread_time() - start
            if line != "c" and not line.startswith("_"):  # those are of pdb itself, from 3.13 on
                self.rows.append({"title": f"``{line}`` in the debugger", "seconds": spent})


def commands(count):
    """What commands of the debugger take, at one stop."""
    number = count // 2
    made = Timed(["tasks", f"task {number}", "where", "tasks wait", "locks", "c"])
    made.set_trace(sys._getframe())
    return made.rows


async def in_asyncio(count):
    event = asyncio.Event()

    async def waits():
        await event.wait()

    tasks = [asyncio.ensure_future(waits()) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    found = look(count)
    event.set()
    await asyncio.gather(*tasks)
    return found


async def in_trio(count):
    import trio

    event = trio.Event()

    async def waits():
        await event.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(waits)
        await trio.testing.wait_all_tasks_blocked()
        found = look(count)
        event.set()
    return found


def run(runtime, count):
    """The rows of one runtime."""
    if runtime == "asyncio":
        return asyncio.run(in_asyncio(count))
    import trio
    import trio.testing

    return trio.run(in_trio, count)


def measure(runtime, count):
    """The rows of one runtime, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.many", f"--tasks={count}", f"--in={runtime}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tasks", type=int, default=100_000, help="(default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write what was found to this file")
    parser.add_argument("--in", dest="runtime", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.runtime:
        print(json.dumps(run(args.runtime, args.tasks)))
        return
    runtimes = ["asyncio"] + ["trio"] * bool(importlib.util.find_spec("trio"))
    found = {}
    for runtime in runtimes:
        found[runtime] = measure(runtime, args.tasks)
        print(f"{runtime}, {args.tasks:,} tasks, Python {platform.python_version()}")
        for row in found[runtime]:
            stop = row.get("longest stop")
            words = "" if stop is None else f"; no other thread for {stop * 1000:,.0f} ms at most"
            print(f"  {row['title'].replace('`', '')}: {row['seconds']:.2f} s{words}", flush=True)
    if args.json:
        told = {
            "python": platform.python_version(),
            "date": time.strftime("%Y-%m-%d"),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "tasks": args.tasks,
            "many": found,
        }
        Path(args.json).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
