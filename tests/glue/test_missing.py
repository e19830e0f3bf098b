"""Private attributes that a library lacks cost the detail that they give, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.rows import share

LIBRARIES = [
    "async_generator", "concurrent.futures", "contextlib", "greenback", "greenlet", "threading",
]  # fmt: skip

LONGER = ["asyncio", "trio", "anyio"]
"""Those with tens of private names. Each is tried on one version, or on all: see `share`."""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="takes minutes on PyPy")
def test_private_names_one_by_one(repository):
    for library in ("async_generator", "greenback", "greenlet"):
        pytest.importorskip(library)
    result = subprocess.run(
        [sys.executable, "-m", "tests.tools.missing", *LIBRARIES, *share(LONGER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=200,
        cwd=str(repository),
    )
    assert result.stdout.endswith("\n0 libraries wrong\n"), result.stdout
