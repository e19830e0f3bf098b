"""The programs under allocators that leave nothing of what has been freed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

from tests.helpers.repository import ROOT

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="the value stacks of CPython"
)

SOURCE = Path(__file__).with_name("malloc.c")


def _run(environment: Dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.tools.fence.programs"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert " 0 wrong" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD and the GNU C library")
def test_freed_memory_cannot_be_read(tmp_path: Path) -> None:
    """A stale pointer that is followed once is a crash."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the fence with")
    library = tmp_path / "fence.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    subprocess.run(command, check=True)
    _run({"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONMALLOC": "debug"},
        {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "165"},
    ],
    ids=["usual", "debug", "perturb"],
)
def test_freed_memory_holds_other_bytes(environment: Dict[str, str]) -> None:
    _run(environment)
