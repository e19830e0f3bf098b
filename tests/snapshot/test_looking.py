"""`extract_all(progress=...)`: how far a look at all tasks has come, and its end."""

from __future__ import annotations

import asyncio

import pytest

import stackscope

COUNT = 10


def looked(progress):
    """A snapshot of a program with some tasks."""

    async def worker(gate):
        await gate.wait()

    async def program():
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(worker(gate)) for _ in range(COUNT)]
        await asyncio.sleep(0)
        try:
            return stackscope.extract_all(progress=progress)
        finally:
            gate.set()
            await asyncio.gather(*tasks)

    return asyncio.run(program())


def test_it_is_told_how_much_is_done():
    shares = []
    snapshot = looked(shares.append)
    assert len(list(snapshot.tasks())) == COUNT + 1
    assert len(shares) == 2 * (COUNT + 1)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1


def test_a_look_that_ends_early_has_what_it_found():
    shares = []

    def progress(share):
        shares.append(share)
        return len(shares) <= 3

    nodes = list(looked(progress).tasks())
    assert len(nodes) == 3
    assert all(node.state in ("waiting", "running") for node in nodes)
    assert len(shares) == 4


def test_what_was_not_described_has_no_state():
    nodes = list(looked(lambda share: share < 0.7).tasks())
    assert len(nodes) == COUNT + 1
    unknown = [node for node in nodes if node.state == "?"]
    assert 0 < len(unknown) < COUNT
    assert all(node.stack.frames and node.waiting is None for node in unknown)


def test_what_it_raises_ends_the_look():
    def progress(share):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        looked(progress)
