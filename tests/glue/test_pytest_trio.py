"""pytest-trio, in a run of pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("pytest_trio", reason="pytest-trio isn't installed here")

PROGRAM = """
import pytest
import trio
import trio.testing

from stackscope import extract


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


async def sleeper():
    await trio.sleep_forever()


@pytest.fixture
async def plain():
    with Manager():
        yield 1


@pytest.fixture
async def with_nursery():
    async with trio.open_nursery() as inner:
        inner.start_soon(sleeper)
        yield inner
        inner.cancel_scope.cancel()


@pytest.fixture
def synchronous(nursery):
    with Manager():
        yield 2


def shown(stack):
    return [frame.funcname for frame in stack.frames if not frame.hide]


def fixture_stack(name):
    task = trio.lowlevel.current_task()
    nursery = task.parent_nursery
    [fixture] = [task for task in nursery.child_tasks if f"'{name}'" in task.name]
    return extract(fixture, recurse_child_tasks=True)


@pytest.mark.trio
async def test_plain(plain):
    await trio.testing.wait_all_tasks_blocked()
    stack = fixture_stack("plain")
    assert stack.error is None
    assert shown(stack) == ["run", "plain"]
    run, fixture = stack.frames
    assert run.funcname == "run" and run.hide_line and run.clsname == "TrioFixture"
    [context] = fixture.contexts
    assert type(context.obj) is Manager
    [context] = run.contexts
    assert context.hide


@pytest.mark.trio
async def test_with_nursery(with_nursery):
    await trio.testing.wait_all_tasks_blocked()
    stack = fixture_stack("with_nursery")
    assert shown(stack) == ["run", "with_nursery"]
    [context] = stack.frames[1].contexts
    assert context.obj is with_nursery
    assert [shown(child) for child in context.children] == [["sleeper", "sleep_forever"]]


@pytest.mark.trio
async def test_synchronous(synchronous):
    await trio.testing.wait_all_tasks_blocked()
    assert shown(fixture_stack("synchronous")) == ["run", "synchronous"]


@pytest.mark.trio
async def test_nursery_of_the_test(nursery):
    nursery.start_soon(sleeper)
    await trio.testing.wait_all_tasks_blocked()
    [context] = fixture_stack("nursery").frames[0].contexts
    stack = extract(trio.lowlevel.current_task(), recurse_child_tasks=True)
    [frame] = [frame for frame in stack.frames if frame.funcname == "run"]
    [context] = frame.contexts
    assert context.obj is nursery
    assert not context.hide
    assert [shown(child) for child in context.children] == [["sleeper", "sleep_forever"]]


@pytest.mark.trio
async def test_the_test_itself(plain):
    stack = extract(trio.lowlevel.current_task())
    assert stack.error is None
    assert shown(stack)[-1] == "test_the_test_itself"
    assert not stack.frames[-2].hide_line
"""


def test_in_a_run_of_its_own(tmp_path):
    program = tmp_path / "test_program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    # Other plugins have no business here, and take long to load.
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "pytest_trio.plugin",
            str(program),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=str(tmp_path),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 passed" in result.stdout
