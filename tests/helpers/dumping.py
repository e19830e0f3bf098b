"""Programs that are sent signals by test_dumps.py: `python -m tests.helpers.dumping NAME`."""

from __future__ import annotations

import asyncio
import importlib
import importlib.machinery
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
from stackscope import glue


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
    stackscope.dump_after(1000)
    say("ready")
    say(f"ended by {wait_for(fork_a_child())}")
    threading.Event().wait()


def fork_a_child():
    """Fork a process that waits for a signal, for the end of its parent, or a minute."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+ minds that there are threads
        child = os.fork()
    if not child:
        signal.alarm(60)
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    say(child)
    return child


def wait_for(child):
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def fork_during_imports(*flags):
    """Other threads are in the middle of imports: of a module, and of glue for something new."""
    stackscope.register(signal.SIGUSR1)
    if "interrupted" in flags:
        glue.PATIENCE = 0.01
        sys.settrace(raise_in_hook)
    importlib.import_module("multiprocessing.pool")

    reached = threading.Semaphore(0)
    in_front = threading.current_thread()

    class NeverDone:
        def find_spec(self, name, path=None, target=None):
            if not name.endswith(".multiprocessing") or threading.current_thread() is in_front:
                return None
            return importlib.machinery.ModuleSpec(name, self)

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            hang()

    def hang():
        reached.release()
        threading.Event().wait()

    prepare_hanging_import(hang)
    sys.meta_path.insert(0, NeverDone())
    for function, arguments in (importlib.import_module, ["hanging"]), (stackscope.extract_all, []):
        threading.Thread(target=function, args=arguments, daemon=True).start()
        reached.acquire()
    say(f"ended by {wait_for(fork_a_child())}")
    os._exit(0)


def raise_in_hook(frame, event, arg):
    """A trace function: raises a signal at every line of what is done in a child after a fork."""
    if frame.f_code in (glue._forget_other_threads.__code__, glue._free_own_modules.__code__):
        signal.raise_signal(signal.SIGUSR1)
        return raise_in_hook
    return None


def prepare_hanging_import(hang):
    """Let ``import hanging`` call this function."""
    sys.modules["__main__"].hang = hang
    sys.path.insert(0, str(Path(__file__).with_name("hanging_import")))


def exit_afterwards():
    def hang():
        stackscope.dump_after(0.01, exit=True)
        threading.Event().wait()

    prepare_hanging_import(hang)
    importlib.import_module("hanging")


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    {
        "asyncio": use_asyncio,
        "trio": use_trio,
        "hammered": hammered,
        "fork": fork,
        "fork during imports": fork_during_imports,
        "exit": exit_afterwards,
    }[name](*arguments)
