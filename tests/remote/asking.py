"""Starts programs, and asks them from outside."""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import subprocess
import sys

import pytest

from stackscope.remote.processes import Process
from tests.helpers.repository import ROOT

PROGRAMS = ROOT / "tests" / "remote" / "programs.py"
HAS_REMOTE_EXEC = hasattr(sys, "remote_exec")
HAS_GDB = shutil.which("gdb") is not None and sys.platform == "linux"
IS_CPYTHON = sys.implementation.name == "cpython"

needs_way_in = pytest.mark.skipif(
    not IS_CPYTHON or sys.platform in ("win32", "darwin") or not (HAS_REMOTE_EXEC or HAS_GDB),
    reason="NO GDB: attaching is not tried here" if IS_CPYTHON else "attaching takes CPython",
)
needs_gdb = pytest.mark.skipif(
    not HAS_GDB or not IS_CPYTHON,
    reason="NO GDB: attaching by gdb is not tried here" if IS_CPYTHON else "it takes CPython",
)


@functools.lru_cache(maxsize=None)
def places():
    """Where there may be interpreters of versions of CPython, by their versions, oldest first."""
    folders = [
        *os.environ.get("PATH", "").split(os.pathsep),
        *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin")),
    ]
    found = {}
    for folder in folders:
        for path in glob.glob(os.path.join(folder, "python3.*")):
            version = re.fullmatch(r"python(3\.(?:[89]|1[0-5]))", os.path.basename(path))
            if version:
                found.setdefault(version.group(1), []).append(path)
    return {version: found[version] for version in sorted(found, key=minor)}


def minor(version):
    return int(version.partition(".")[2])


@functools.lru_cache(maxsize=None)
def interpreter(version):
    """The first interpreter of a version that runs, or ``None``."""
    return next(filter(runs, places()[version]), None)


def runs(path):
    code = "import sys, ctypes; sys.exit(sys.implementation.name != 'cpython')"
    command = [path, "-I", "-S", "-c", code]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def command(*words, **options):
    """Run the command ``stackscope``, and give the finished process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **options.pop("env", {})}
    return subprocess.run(
        [options.pop("python", sys.executable), "-m", "stackscope", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=200,
        env=env,
        encoding="utf-8",
        **options,
    )


class Described(Process):
    """A process of which all that is asked for is given."""

    state = ""
    tracer = 0
    program = ""
    version = None
    runs_pypy = False
    is_elsewhere = False
    is_alive = True

    def __init__(self, **known):
        super().__init__(1 << 30)
        for name, value in known.items():
            setattr(self, name, value)
