"""Stops near the limit of recursion."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT

PROGRAM = """\
import sys

def walk(depth):
    if depth == 0:
        breakpoint()
        return 0
    return walk(depth - 1) + 1

print("end", walk(int(sys.argv[1])), sys.getrecursionlimit())
"""


def run(tmp_path, depth, *commands):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py", str(depth)],
        cwd=str(tmp_path),
        input="".join(f"{command}\n" for command in commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONBREAKPOINT": "stackscope_pdb.set_trace",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(ROOT),
        },
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("depth", [700, 850, 900])
def test_there_is_room_for_the_debugger(tmp_path, depth):
    found = run(tmp_path, depth, "where", "up", "p depth", "tasks", "n", "c")
    assert f"× {depth}  walk in __main__" in found
    assert "(stackscope_pdb) 1\n" in found
    assert "failed" not in found
    assert f"end {depth} 1000\n" in found


def test_a_limit_that_is_set_at_the_prompt_stays(tmp_path):
    assert "end 900 5000\n" in run(tmp_path, 900, "!sys.setrecursionlimit(5000)", "c")
