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
