"""Tests that run in trio."""

from __future__ import annotations

import functools

import trio


def in_trio(function):
    """Run the decorated asynchronous test in trio, with a time limit."""

    @functools.wraps(function)
    def test():
        async def main():
            with trio.fail_after(20):
                await function()

        trio.run(main)

    return test
