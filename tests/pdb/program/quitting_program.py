"""Stops in many places, each in a child process of its own, which then gets ``quit`` to read.

It prints what each of them has printed, and its status. Run by `test_quitting`.
"""

# ruff: noqa: LOG015, T100

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import select
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import anyio
import trio

import stackscope
import stackscope_pdb.debugger.own
import stackscope_pdb.entry.api
import stackscope_pdb.output.highlight
import stackscope_pdb.program.quitting  # noqa: F401  (so that each child needn't)

stackscope.extract_all()
if hasattr(gc, "freeze"):
    gc.freeze()  # or each child would look through all of it when it ends

SECONDS = 60


def note(what, name):
    os.write(1, f"{what} {name}\n".encode())  # at once, whatever other threads print


class Block:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        note("enter", self.name)
        return self

    def __exit__(self, *exc):
        name = self.name
        note("exit", name)

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *exc):
        name = self.name
        await asyncio.sleep(0)
        note("exit", name)


class TrioBlock(Block):
    async def __aexit__(self, *exc):
        self.__exit__(*exc)


@contextlib.contextmanager
def generated(name):
    note("enter", name)
    try:
        yield name
    finally:
        done = name
        note("exit", done)


def blocks():
    with Block("outer"):
        breakpoint()
        with Block("a"), generated("b"):
            one = 1
            two = 2
        with contextlib.ExitStack() as stack:
            stack.enter_context(Block("c"))
            stack.enter_context(generated("d"))
            three = one + two
        return three


def finals():
    note("enter", "f")
    try:
        breakpoint()
        one = 1
    finally:
        two = 2
        note("exit", "f")
    return one + two


def in_an_exit():
    class Exit(Block):
        def __exit__(self, *exc):
            breakpoint()
            super().__exit__(*exc)

    with Block("outer"):
        with Exit("inner"):
            one = 1
        two = one
    return two


def passing():
    with Block("outer"):
        try:
            with Block("a"):
                breakpoint()
                raise KeyError
        except KeyError:
            one = 1
        two = one
    return two


def generator():
    def values():
        with Block("values"):
            yield 1
            breakpoint()
            yield 2

    with Block("outer"):
        for value in values():
            assert value


def finalizer():
    class Thing:
        def __del__(self):
            breakpoint()
            note("exit", "thing")

    with Block("outer"):
        note("enter", "thing")
        thing = Thing()
        del thing
        one = 1
        two = one
    return two


def swallowed():
    logging.basicConfig()
    with Block("server"):
        while True:
            try:
                with Block("request"):
                    breakpoint()
            except BaseException:
                logging.exception("request failed")
            time.sleep(0)


def asynchronous(main):
    with Block("sync"):
        asyncio.run(main())


async def waits(name):
    async with Block(name):
        await asyncio.sleep(1000)


async def ends(name):
    async with Block(name):
        await asyncio.sleep(0.01)
        breakpoint()
        one = 1
        two = one
    return two


def gather():
    async def main():
        async with Block("main"):
            await asyncio.gather(waits("1"), ends("2"), waits("3"))

    asynchronous(main)


def background():
    async def main():
        async with Block("main"):
            kept = [asyncio.ensure_future(waits("1")), asyncio.ensure_future(ends("2"))]
            await asyncio.sleep(1000)
            del kept

    asynchronous(main)


def by_hand():
    async def main():
        kept = asyncio.ensure_future(waits("1"))
        await ends("2")
        del kept

    loop = asyncio.new_event_loop()
    with Block("sync"):
        loop.run_until_complete(main())


def callback():
    async def main():
        async with Block("main"):
            asyncio.get_running_loop().call_soon(ends_callback)
            await waits("1")

    asynchronous(main)


def ends_callback(*_future):
    with Block("callback"):
        breakpoint()
        one = 1
    return one


def done_callback():
    async def main():
        async with Block("main"):
            task = asyncio.ensure_future(asyncio.sleep(0))
            task.add_done_callback(ends_callback)
            await waits("1")

    asynchronous(main)


def forever():
    loop = asyncio.new_event_loop()
    kept = [loop.create_task(waits("1")), loop.create_task(ends("2"))]
    with Block("sync"):
        loop.run_forever()
    del kept


def logged_task():
    async def serve():
        try:
            await ends("request")
        except BaseException:
            logging.exception("request failed")

    async def main():
        logging.basicConfig()
        async with Block("main"):
            kept = asyncio.ensure_future(serve())
            await asyncio.sleep(1000)
            del kept

    asynchronous(main)


def task_group():
    async def main():
        async with Block("main"):
            async with asyncio.TaskGroup() as group:
                group.create_task(waits("1"))
                await asyncio.sleep(0)
                breakpoint()
                one = 1
            two = one
        return two

    asynchronous(main)


def eager():
    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with Block("main"):
            with Block("inner"):
                task = asyncio.create_task(starts("eager"))
                await waits("1")
            del task

    async def starts(name):
        async with Block(name):
            breakpoint()
            await asyncio.sleep(1000)

    asynchronous(main)


def to_thread():
    async def main():
        async with Block("main"):
            await asyncio.gather(asyncio.to_thread(ends_callback), waits("1"))

    asynchronous(main)


def executor():
    with Block("outer"):
        with ThreadPoolExecutor() as pool:
            return pool.submit(ends_callback).result()


def thread():
    with Block("main"):
        threading.Thread(target=ends_callback, name="second").start()
        time.sleep(1000)


def joined():
    with Block("main"):
        one = threading.Thread(target=ends_callback, name="second")
        one.start()
        one.join()
        time.sleep(1000)


def loop_in_main():
    async def main():
        async with Block("main"):
            threading.Thread(target=ends_callback, name="second").start()
            await asyncio.sleep(1000)

    asynchronous(main)


def trio_in_main():
    async def main():
        async with TrioBlock("main"):
            threading.Thread(target=ends_callback, name="second").start()
            await trio.sleep(1000)

    trio.run(main)


def blocked():
    def waits_for_ever():
        threading.Event().wait()

    with Block("main"):
        threading.Thread(target=waits_for_ever).start()
        breakpoint()


async def trio_waits(name):
    async with TrioBlock(name):
        await trio.sleep(1000)


def nursery():
    async def main():
        async with TrioBlock("main"):
            async with trio.open_nursery() as group:
                group.start_soon(trio_waits, "1")
                await trio.sleep(0.001)
                breakpoint()
                one = 1
            two = one
        return two

    with Block("sync"):
        trio.run(main)


def trio_thread():
    async def main():
        async with TrioBlock("main"), trio.open_nursery() as group:
            group.start_soon(trio_waits, "1")
            await trio.to_thread.run_sync(ends_callback)

    trio.run(main)


def any_group():
    async def main():
        async with TrioBlock("main"), anyio.create_task_group() as group:
            group.start_soon(any_waits)
            await anyio.sleep(0.001)
            breakpoint()
            one = 1
        return one

    async def any_waits():
        async with TrioBlock("1"):
            await anyio.sleep(1000)

    for_backend = "trio" if "trio" in sys.argv else "asyncio"
    anyio.run(main, backend=for_backend)


def run(name, commands):
    """The child: does not return."""
    source, target = os.pipe()
    os.write(target, "".join(f"{line}\n" for line in commands).encode())
    os.close(target)
    os.dup2(source, 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    warnings.simplefilter("ignore", DeprecationWarning)
    globals()[name]()
    print("not reached", flush=True)
    sys.exit(0)


def read_all(reader, child):
    """What a child writes until its end. No thread watches it: the next child must find none."""
    deadline = time.monotonic() + SECONDS
    data = b""
    while True:
        if not select.select([reader], [], [], max(deadline - time.monotonic(), 0))[0]:
            os.kill(child, 9)
            deadline += SECONDS
            continue
        piece = os.read(reader, 10_000)
        if not piece:
            os.close(reader)
            return data
        data += piece


if __name__ == "__main__":
    for name, commands in json.loads(sys.argv[1]):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.close(writer)
            run(name, commands)
        os.close(writer)
        text = read_all(reader, child).decode("utf-8", "replace")
        status = os.waitpid(child, 0)[1]
        print(json.dumps([text, status]), flush=True)
