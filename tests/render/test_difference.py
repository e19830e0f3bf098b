"""What is different between two snapshots of one process."""

from __future__ import annotations

import asyncio
import re

import stackscope


async def wait(gate):
    await gate.wait()


async def wait_twice(gate, later):
    await gate.wait()
    await later.wait()


def taken():
    """Two snapshots: between them one task has moved, one has ended, and one has begun."""

    async def main():
        first, second, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(wait(never), name=f"still-{n}") for n in range(40)]
        tasks.append(asyncio.create_task(wait_twice(first, second), name="mover"))
        tasks.append(asyncio.create_task(wait(first), name="ender"))
        await asyncio.sleep(0)
        earlier = stackscope.extract_all()
        first.set()
        tasks.append(asyncio.create_task(wait(never), name="beginner"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = stackscope.extract_all()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return earlier, later

    return asyncio.run(main())


def tasks_of(nodes):
    return [node.name for node in nodes if isinstance(node, stackscope.TaskNode)]


def check(earlier, later):
    found = earlier.diff(later)
    assert [name for name in tasks_of(found.same) if name.startswith("still")] == [
        f"still-{n}" for n in range(40)
    ]
    assert "mover" in tasks_of([node for _, node in found.moved])
    assert tasks_of(found.gone) == ["ender"]
    assert tasks_of(found.new) == ["beginner"]
    assert found.seconds == later.taken_at - earlier.taken_at
    return found


def test_same_moved_new_gone():
    check(*taken())


def test_of_saved_ones():
    saved = [stackscope.Snapshot.from_json(one.to_json()) for one in taken()]
    found = check(*saved)
    text = str(found)
    assert "  40 tasks (" in text
    assert "waiting: Event.wait()" in text
    moved = r"wait_twice:\d+ test_difference\.py → waiting: Event\.wait\(\)  wait_twice:\d+ test_"
    assert re.search(moved, text)


def test_how_it_is_drawn():
    found = taken()[0].diff(taken()[0])
    for line in found.format(ascii_only=True, width=50):
        assert line.isascii()
        assert len(line) <= 51
    assert "\x1b[" in "".join(found.format(color=True))
    assert "\x1b[" not in str(found)


def test_nothing_is_different():
    earlier, _ = taken()
    found = earlier.diff(earlier)
    assert not (found.moved or found.new or found.gone)
    assert len(found.same) == sum(1 for _ in earlier.tasks()) + len(earlier.threads)
