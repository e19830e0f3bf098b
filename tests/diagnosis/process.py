"""Processes that run the programs of the table.

By hand, ``python -m tests.diagnosis.process planted.on_asyncio.two_locks asyncio`` runs one and
prints what was found. Tests start one process that imports everything and forks for each program:
that takes some milliseconds, and what one program leaves behind doesn't disturb the next.

A search of the heap takes ten times as long with all libraries in it. So most programs run with
these frozen (see `gc.freeze`); one of sixteen runs with the whole heap, others on each version of
Python, and so do all with ``STACKSCOPE_WHOLE_HEAP`` set.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

import stackscope
from tests.diagnosis import cases, runtimes
from tests.helpers.measured import keep_what_was_measured
from tests.helpers.repository import ROOT

LONGEST = 40
"""After so many seconds a program is taken for hung."""

CAN_FORK = hasattr(os, "fork")

WHOLE_HEAP = bool(os.environ.get("STACKSCOPE_WHOLE_HEAP"))


def run_here(name, runtime, tell):
    """Run a program in this process, which ends with it.

    Args:
        name: The name of the program.
        runtime: What to run it in.
        tell: Takes what is to be told of it, a dictionary.
    """

    def tell_and_exit(result):
        keep_what_was_measured()
        tell(result)
        sys.stderr.flush()
        os._exit(0)

    try:
        runtimes.run(cases.find(name), runtime, tell_and_exit)
        tell_and_exit({"problems": ["it ended without a look"]})
    except BaseException:
        tell_and_exit({"problems": [traceback.format_exc()]})


def main():
    """Run one program and print what is found; or serve, without arguments."""
    if len(sys.argv) == 1:
        serve()
    else:
        run_here(sys.argv[1], sys.argv[2], lambda result: print(json.dumps(result), flush=True))


# ------------------------------------------------ the process that forks


def serve():
    """For each line, ``[name, runtime]`` as JSON, answer with a line."""
    cases.load_all()
    prepare()
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    for line in sys.stdin:
        print(json.dumps(fork(*json.loads(line))), flush=True)


def prepare():
    """Do all that is imported and read the first time, or each fork would do that."""
    for name in ("uvloop", "anyio._backends._asyncio", "anyio._backends._trio"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    diagnosis = stackscope.diagnose()
    str(stackscope.Diagnosis.from_json(diagnosis.to_json()))


def fork(name, runtime):
    """What a program tells that runs in a fork."""
    with tempfile.TemporaryFile() as errors:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.setsid()  # what it starts itself is ended with it
            os.close(reading)
            if has_whole_heap(name, runtime):
                gc.unfreeze()
            os.dup2(errors.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            faulthandler.dump_traceback_later(LONGEST - 5, exit=True)  # where it hangs
            run_here(name, runtime, lambda result: write_line(writing, json.dumps(result)))
        os.close(writing)
        text = read_line(reading, time.monotonic() + LONGEST)
        os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        errors.seek(0)
        result = json.loads(text) if text else {"problems": [f"it told nothing; status {status}"]}
        result["stderr"] = errors.read().decode(errors="replace")
        return result


def has_whole_heap(name, runtime):
    """Whether a program runs without anything frozen."""
    chosen = zlib.crc32(f"{name} {runtime}".encode()) % 16 == sys.version_info[1]
    return hasattr(gc, "unfreeze") and (WHOLE_HEAP or chosen)


def write_line(descriptor, text):
    rest = f"{text}\n".encode()
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_line(descriptor, until):
    """The line that is written to a pipe; nothing if that takes too long, or none is.

    The pipe may stay open: processes that the program has started have it, too.
    """
    parts = []
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0, until - time.monotonic()))[0]:
            part = pipe.read(65536)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                break
    text = b"".join(parts)
    return text if text.endswith(b"\n") else b""


# ------------------------------------------------ the side of the tests


class Programs:
    """Runs programs; to be used as a context manager."""

    def __init__(self):
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait()
            self.server.stdout.close()

    def run(self, name, runtime):
        """What a program tells: a dictionary, see `tests.diagnosis.looking.Look.result`."""
        if not CAN_FORK:
            return run_alone(name, runtime)
        if self.server is None:
            self.server = subprocess.Popen(
                command(), cwd=str(ROOT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self.server.stdin.write(json.dumps([name, runtime]) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())


def command(*arguments):
    return [sys.executable, "-W", "ignore", "-m", "tests.diagnosis.process", *arguments]


def run_alone(name, runtime):
    done = subprocess.run(
        command(name, runtime),
        cwd=str(ROOT),
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "stderr": done.stderr}


if __name__ == "__main__":
    main()
