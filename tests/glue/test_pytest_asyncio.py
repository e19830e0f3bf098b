"""pytest-asyncio, in a run of pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("pytest_asyncio", reason="pytest-asyncio isn't installed here")

PROGRAM = """
import asyncio

import pytest
import pytest_asyncio

from stackscope import extract, extract_since

seen = {}


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def look(name):
    task = asyncio.current_task()
    stack, since = extract(task), extract_since(None)
    assert stack.error is None and since.error is None
    shown = [frame for frame in stack.frames if not frame.hide]
    assert [frame.funcname for frame in shown] == [name, "look"], str(stack)
    modules = {frame.modname for frame in since.frames if not frame.hide}
    assert not any(name.startswith("pytest_asyncio") for name in modules), modules
    seen[name] = len(stack.frames) - len(shown)


@pytest_asyncio.fixture
async def value():
    look("value")
    return 1


@pytest_asyncio.fixture
async def resource():
    with Manager() as manager:
        look("resource")
        yield 2
        look("resource")


@pytest.mark.asyncio
async def test_all(value, resource):
    look("test_all")
    assert seen["value"] > 0 and seen["resource"] > 0, seen  # wrappers, which are hidden
"""


def test_in_a_run_of_its_own(tmp_path):
    program = tmp_path / "test_program.py"
    program.write_text(PROGRAM)
    # Other plugins have no business here, and take long to load.
    options = ["-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=100,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=str(tmp_path),
    )
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout
