"""What is drawn is bounded, and whole if that is asked for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stackscope import Context, Frame, Snapshot, Stack, extract, extract_all
from stackscope.model.snapshot import LoopNode, TaskNode
from tests.helpers.managers import Manager, pause
from tests.helpers.rows import IN_TURN
from tests.render.test_depth import EVERY, exit_stacks

pytestmark = IN_TURN


def many_entries():
    """A coroutine in an exit stack of 1,000 entries."""

    async def hold():
        with contextlib.ExitStack() as stack:
            for _ in range(1000):
                stack.enter_context(Manager())
            await pause()

    coroutine = hold()
    coroutine.send(None)
    return coroutine


def test_the_children_of_a_context_are_bounded():
    coroutine = many_entries()
    stack = extract(coroutine)
    coroutine.close()
    frame = stack.frames[0]
    for drawn in (stack, frame, frame.contexts[0]):
        text = str(drawn)
        assert text.count("stack.enter_context(") == 100
        assert "… 900 more" in text
        whole = "".join(drawn.format(whole=True))
        assert whole.count("stack.enter_context(") == 1000
        assert " more" not in whole


def test_hidden_children_are_not_counted():
    coroutine = many_entries()
    stack = extract(coroutine)
    coroutine.close()
    for child in stack.frames[0].contexts[0].children[::2]:
        child.hide = True
    assert "… 400 more" in str(stack)
    assert "… 900 more" in "".join(stack.format(show_hidden_frames=True))


def test_the_children_of_a_context_are_bounded_in_snapshots():
    async def main():
        async def hold():
            with contextlib.ExitStack() as stack:
                for _ in range(1000):
                    stack.enter_context(Manager())
                await asyncio.Event().wait()

        task = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        snapshot = extract_all(threads=False)
        task.cancel()
        await asyncio.wait([task])
        return snapshot

    snapshot = asyncio.run(main())
    assert str(snapshot).count("stack.enter_context(") == 100
    assert "… 900 more" in str(snapshot)
    assert "".join(snapshot.format(whole=True)).count("stack.enter_context(") == 1000


BEHIND = 1_000_000
"""A line behind the end of any file, so that no source is drawn."""


def some_frame():
    """A frame of a generator that is suspended, and that generator."""

    def generator():
        yield

    made = generator()
    next(made)
    return Frame(made.gi_frame), made


def test_the_frames_of_a_stack_are_bounded():
    frame, _generator = some_frame()
    stack = Stack(None, [Frame(frame.pyframe, BEHIND + number) for number in range(10_000)])
    lines = stack.format()
    assert len(lines) < 2 * 1000 + 10
    places = [int(line.rpartition(":")[2]) for line in lines if " in " in line]
    assert [place - BEHIND for place in places] == [*range(500), *range(9_500, 10_000)]
    assert "… 9,000 more frames\n" in lines
    assert len([line for line in stack.format(whole=True) if " in " in line]) == 10_000
    assert "more" not in str(Stack(None, stack.frames[:1000]))


def test_hidden_frames_do_not_count():
    frame, _generator = some_frame()
    frames = [Frame(frame.pyframe, 1, hide=index % 2 == 0) for index in range(2000)]
    assert "more" not in str(Stack(None, frames))
    stack = Stack(None, frames)
    assert "… 1,000 more frames\n" in stack.format(show_hidden_frames=True)


DEEP = 1200
"""More than Python's own limit, and than is drawn."""


@EVERY
def test_depth_is_bounded(make):
    item = make(DEEP)
    stack = extract(item, recurse_child_tasks=True)
    lines = stack.format()
    whole = stack.format(whole=True)
    if make is exit_stacks:
        next(item, None)  # closing it would close all, which recurses
    assert len(lines) < 1000
    assert sum(line.endswith("… deeper levels left out\n") for line in lines) == 1
    assert len(whole) > DEEP
    assert not any("left out" in line for line in whole)


def tree(depth, width):
    """A stack with so many stacks below its context, each of which has as many, and so on."""
    frame, _generator = some_frame()
    level = [Stack(None, [Frame(frame.pyframe)])] * width
    for _ in range(depth):
        context = Context(1, False, description="many", children=level)
        level = [Stack(None, [Frame(frame.pyframe, contexts=[context])])] * width
    return level[0]


def test_all_together_is_bounded():
    stack = tree(5, 50)  # 312,500,000 stacks
    lines = stack.format()
    assert 10_000 < len(lines) < 11_000
    assert lines[-1].startswith("║ └ yield")
    # What is above the last ones that are drawn tells how many are left out.
    assert sum(line.endswith("more\n") for line in lines) <= 6
    small = tree(2, 10)
    assert small.format() == small.format(whole=True)


@pytest.mark.parametrize("nested", [False, True])
def test_the_tasks_of_a_snapshot_are_bounded(nested):
    kept = []

    def node(number, children):
        frame, generator = some_frame()
        kept.append(generator)
        stack = Stack(None, [Frame(frame.pyframe, BEHIND + number)])
        return TaskNode(object(), number, f"job-{number}", "waiting", stack, None, children)

    total = 1_500 if nested else 5_500
    nodes = []
    for number in range(total, 0, -1):
        inside = [nodes.pop()] if nested and nodes else []
        nodes.append(node(number, inside))
    loop = LoopNode(None, "asyncio", None, False, False, nodes)
    snapshot = Snapshot([loop], [])
    lines = snapshot.format(overview=False)
    if nested:
        assert len(lines) < 1000
        assert lines[-1].endswith("… deeper levels left out\n")
    else:
        drawn = sum("job-" in line for line in lines)
        assert len(lines) < 10_010
        assert lines[-1] == f"├ … {total - drawn:,} more tasks\n"
    whole = snapshot.format(overview=False, whole=True)
    assert sum("job-" in line for line in whole) == total
