"""What is drawn is bounded, and whole if that is asked for."""

from __future__ import annotations

import asyncio
import contextlib

from stackscope import extract, extract_all
from tests.helpers.managers import Manager, pause


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
