"""A debugger's own frames are never stopped in, whatever the program does while it is traced."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest

from stackscope_pdb.facts import IS_PYPY
from tests.helpers.repository import ROOT

PROGRAM = """
    import contextlib
    import stackscope_pdb

    def inner():
        breakpoint()
        return 1

    def outer():
        with contextlib.suppress(KeyError):
            x = inner()
        return x

    breakpoint()
    print("got", outer())
    print("got", outer())
    breakpoint()
    print("got", inner())
"""

OWN_FILES = {"bdb.py", "pdb.py", "own.py", "mixin.py", "stepping.py", "tracing.py", "api.py"}

PLACE = re.compile(r"^(?:\(.*\) )*> (.*)\(\d+\)(\S+?)\(\)", re.MULTILINE)


@pytest.fixture
def places(tmp_path):
    """Gives the files and functions in which a program stops."""

    def run(commands, *arguments, first_line="", **environ):
        path = tmp_path / "program.py"
        path.write_text(first_line + textwrap.dedent(PROGRAM), encoding="utf-8")
        environ = {**os.environ, **environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *arguments, str(path)],
            input="".join(f"{command}\n" for command in commands),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            env=environ,
            timeout=60,
        )
        return [(os.path.basename(file), name) for file, name in PLACE.findall(done.stdout)]

    return run


OURS = {"PYTHONBREAKPOINT": "stackscope_pdb.set_trace"}
WAYS = {
    "set_trace": ([], "", OURS),
    "-m": (["-m", "stackscope_pdb"], "", {}),
    "both": (["-m", "stackscope_pdb"], "", OURS),
    "install": ([], "import stackscope_pdb; stackscope_pdb.install()\n", {}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("steps", [["s"] * 40, ["b inner"] + ["n", "unt", "r", "c"] * 6])
def test_tracing_is_on_at_a_breakpoint(places, way, steps):
    arguments, first_line, environ = WAYS[way]
    found = places([*steps, "c", "c", "c"], *arguments, first_line=first_line, **environ)
    assert ("program.py", "inner") in found
    assert not {file for file, _ in found} & OWN_FILES
    if not IS_PYPY:  # its breakpoint() is Python code
        # Where the program ends, the interpreter runs code of its own.
        last = max(index for index, (file, _) in enumerate(found) if file == "program.py")
        assert {file for file, _ in found[:last]} <= {"program.py", "contextlib.py"}


ENDS = """\
import asyncio, stackscope_pdb

class Late:
    def __del__(self):
        self.seen = True

async def child():
    await asyncio.sleep(0)

async def main():
    late = asyncio.ensure_future(child())
    await asyncio.sleep(0)
    breakpoint()
    del late
    await child()

late = Late()
asyncio.new_event_loop().run_until_complete(main())
print("the end")
"""


@pytest.mark.parametrize("skip", ["", "skip off"])
def test_what_has_been_seen_ends_while_one_steps(tmp_path, skip):
    """Neither what the library remembers of it is stepped into, nor is there a prompt too late."""
    (tmp_path / "program.py").write_text(ENDS, encoding="utf-8")
    steps = 400 if skip else 60
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=str(tmp_path),
        input="".join(f"{one}\n" for one in ["tasks", "where -c", skip or "p 1", *["s"] * steps]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env={**os.environ, **OURS, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert skip or "the end" in done.stdout
    assert "Traceback" not in done.stdout
    assert "Exception ignored" not in done.stdout
    folder = os.path.join(str(ROOT), "stackscope")
    assert not [file for file, _ in PLACE.findall(done.stdout) if file.startswith(folder)]
