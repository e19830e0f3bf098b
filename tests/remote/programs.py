"""Programs that are asked from outside: `python tests/remote/programs.py NAME`.

They know nothing of this library. Each says "ready", and most end when a line comes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time


def allow():
    """Where Yama is on, a process has to allow others than its parents to look into it."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))


def ready():
    print("ready", flush=True)


def idle():
    """An asyncio server that nobody calls."""

    async def serve(reader, writer):
        await reader.readline()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ready()
        async with server:
            await server.serve_forever()

    asyncio.run(main())


def busy():
    """Tasks that always have something to do, and allocate memory."""

    async def work(queue):
        while True:
            [bytes(3000) for _ in range(100)]
            await queue.put(await queue.get() + 1)

    async def main():
        queue = asyncio.Queue()
        queue.put_nowait(0)
        queue.put_nowait(0)
        ready()
        await asyncio.gather(*[work(queue) for _ in range(2)])

    asyncio.run(main())


def in_trio():
    import trio

    async def main():
        ready()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(trio.sleep, 1000)

    trio.run(main)


def threads():
    """Threads that wait for a line, and a main thread that waits for them."""

    def wait(event):
        event.wait()

    event = threading.Event()
    workers = [threading.Thread(target=wait, args=[event], name=f"worker-{n}") for n in range(3)]
    for worker in workers:
        worker.start()

    def read():
        sys.stdin.readline()
        event.set()

    reader = threading.Thread(target=read, name="reader")
    reader.start()
    ready()
    for worker in [*workers, reader]:
        worker.join()
    print("end", flush=True)


def busy_thread():
    """A main thread that waits for one that computes all the time."""
    done = []

    def spin():
        while not done:
            pass

    worker = threading.Thread(target=spin, daemon=True)
    worker.start()
    threading.Thread(target=lambda: done.append(sys.stdin.readline())).start()
    ready()
    worker.join()
    print("end", flush=True)


def sleeping():
    ready()
    time.sleep(1000)


def read_in_c():
    """A function in C that gives the interpreter to nobody until a byte comes."""
    import ctypes

    byte = ctypes.create_string_buffer(1)
    ready()
    while ctypes.PyDLL(None).read(0, byte, 1) != 1:  # a signal has come
        pass


def keeps_interpreter():
    read_in_c()
    print("free", flush=True)
    os.read(0, 1)
    print("end", flush=True)


def keeps_interpreter_in_thread():
    worker = threading.Thread(target=read_in_c, daemon=True)
    worker.start()
    worker.join()
    print("free", flush=True)
    os.read(0, 1)
    print("end", flush=True)


def computes_in_c():
    """A function in C that gives the interpreter to nobody, and waits for nothing."""
    ready()
    sum(range(10**12))


def registered():
    """Threads that wait for each other, in a program that has called `register`."""
    import stackscope

    names = sys.argv[2:] or ["SIGUSR1"]
    for name in names:
        stackscope.register(getattr(signal, name.lstrip("+")), chain=name.startswith("+"))
    one, two = threading.Lock(), threading.Lock()
    both = threading.Barrier(3)

    def takes(first, second):
        with first:
            both.wait()
            second.acquire()

    for name, *pair in ("left", one, two), ("right", two, one):
        threading.Thread(target=takes, args=pair, name=name, daemon=True).start()
    both.wait()
    line = takes.__code__.co_firstlineno + 3
    while [frame.f_lineno for frame in sys._current_frames().values()].count(line) < 2:
        time.sleep(0.01)
    time.sleep(0.1)  # from the line into the call
    ready()
    for line in sys.stdin:
        exec(line)
        print("done", flush=True)


def state():
    """What must not change: all that others could see of this process."""
    return {
        "threads": len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0,
        "files": sorted(os.listdir("/proc/self/fd")) if sys.platform == "linux" else [],
        "path": list(sys.path),
        "meta_path": list(map(repr, sys.meta_path)),
        "hooks": list(map(repr, sys.path_hooks)),
        "caches": sorted(path for path in sys.path_importer_cache if not is_in_library(path)),
        "main": sorted(vars(sys.modules["__main__"])),
        "signals": [repr(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
        "folder": os.getcwd(),
        "mask": [os.umask(os.umask(0o77)), os.umask(0o77)][0],
        "tracing": [repr(sys.gettrace()), repr(sys.getprofile())],
        "warnings": sys.modules["warnings"].filters if "warnings" in sys.modules else [],
        "environment": dict(os.environ),
        "out": repr(sys.stdout),
        "stackscope": repr(sys.modules.get("stackscope")),
    }


def unchanged():
    """Compares its state before and after, each time a line comes."""
    os.umask(0o22)
    state()
    before, modules = state(), set(sys.modules)
    ready()
    while sys.stdin.readline():
        os.umask(0o22)
        deadline = time.monotonic() + 20
        while state() != before and time.monotonic() < deadline:
            time.sleep(0.01)  # until the thread has ended
        after = state()
        changed = {key: (before[key], after[key]) for key in after if after[key] != before[key]}
        foreign = [
            name
            for name in set(sys.modules) - modules
            if not name.startswith("_stackscope_") and not is_standard(name)
        ]
        print(changed, foreign, flush=True)


def is_in_library(path):
    return path.startswith(os.path.dirname(os.__file__))


def is_standard(name):
    spec = getattr(sys.modules[name], "__spec__", None)
    origin = getattr(spec, "origin", None)
    return origin in ("built-in", "frozen") or str(origin).startswith(os.path.dirname(os.__file__))


def has_other_stackscope():
    """A package of that name is somebody else's."""
    import stackscope

    assert stackscope.is_mine
    before = dict(vars(stackscope))
    ready()
    sys.stdin.readline()
    print(vars(stackscope) == before, sys.modules["stackscope"] is stackscope, flush=True)


if __name__ == "__main__":
    allow()
    globals()[sys.argv[1]]()
