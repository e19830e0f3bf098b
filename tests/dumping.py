"""Programs that are sent signals by test_dumps.py: `python -m tests.dumping NAME`."""

from __future__ import annotations

import asyncio
import importlib
import linecache
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import stackscope


def say(word):
    print(word, flush=True)


def use_asyncio():
    stackscope.register(signal.SIGUSR1)
    line_read = threading.Event()
    taken = threading.Lock()
    taken.acquire()

    def read_lines():
        sys.stdin.readline()
        loop.call_soon_threadsafe(go_on.set)
        sys.stdin.readline()
        line_read.set()
        sys.stdin.readline()
        taken.release()

    def spin():
        say("busy")
        while not line_read.is_set():
            time.monotonic()

    def hang():
        say("blocked")
        taken.acquire()

    async def child(event, lock):
        async with lock:
            await event.wait()

    async def main():
        nonlocal loop, go_on
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 1000
        loop.add_signal_handler(signal.SIGUSR2, say, "signal of asyncio")
        go_on = asyncio.Event()
        event = asyncio.Event()
        task = asyncio.ensure_future(child(event, asyncio.Lock()))
        await asyncio.sleep(0)
        threading.Thread(target=read_lines, daemon=True).start()
        say("idle")
        await go_on.wait()
        spin()
        hang()
        event.set()
        await task

    loop = go_on = None
    asyncio.run(main())


def use_trio():
    import trio

    stackscope.register(signal.SIGUSR1)

    async def child():
        await trio.sleep_forever()

    async def main():
        with trio.open_signal_receiver(signal.SIGUSR2) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                await trio.lowlevel.checkpoint()
                say("ready")
                for _ in range(2):
                    say(await signals.__anext__() and "signal of trio")
                with trio.open_signal_receiver(signal.SIGUSR1) as others:
                    say("taken over")
                    say(await others.__anext__() and "other signal of trio")
                say(await signals.__anext__() and "signal of trio")
                say("over")
                nursery.cancel_scope.cancel()

    trio.run(main)


def hammered(path):
    """The main thread does all that takes locks, while another one sends it signals."""
    stackscope.register(signal.SIGUSR1, os.open(path, os.O_WRONLY | os.O_CREAT))
    logger = logging.getLogger("hammered")
    logger.addHandler(logging.StreamHandler(open(os.devnull, "w", encoding="utf-8")))
    lock = threading.Lock()
    over = threading.Event()
    main = threading.main_thread().ident

    def send():
        sent = 0
        # Without the GIL a dump takes longer, and what is sent meanwhile is one signal.
        while sent < 100 or Path(path).read_bytes().count(b"+++ end of ") < 30:
            sent += 1
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(0.002)
        over.set()

    def work():
        with lock:
            logger.warning("working %s", sys.stderr)
        linecache.clearcache()
        try:
            raise ValueError(lock)
        except ValueError:
            traceback.format_exc()
        sys.modules.pop("colorsys", None)
        importlib.import_module("colorsys")
        stackscope.extract_since(None).format()

    say("ready")
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    while not over.is_set():
        work()
    thread.join()
    say("over")


def fork():
    stackscope.register(signal.SIGUSR1)
    stackscope.register(signal.SIGTERM, chain=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+ minds that there are threads
        stackscope.dump_after(1000)
        say("ready")
        reader, writer = os.pipe()
        child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)  # until it is ended by a signal
        os._exit(0)
    os.close(reader)
    say(child)
    status = os.waitpid(child, 0)[1]
    say(f"ended by {os.WTERMSIG(status)}")
    threading.Event().wait()


def exit_afterwards():
    folder = Path(__file__).with_name("hanging_import")

    def hang():
        stackscope.dump_after(0.01, exit=True)
        threading.Event().wait()

    sys.modules["__main__"].hang = hang
    sys.path.insert(0, str(folder))
    importlib.import_module("hanging")


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    {
        "asyncio": use_asyncio,
        "trio": use_trio,
        "hammered": hammered,
        "fork": fork,
        "exit": exit_afterwards,
    }[name](*arguments)
