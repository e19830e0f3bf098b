"""Takes private names away from libraries, and extracts all kinds of items.

For each glue module, every private name that it mentions is taken away in turn: from the library's
modules, classes and objects. Then the glue is installed, and all kinds of items are extracted. Each
case is a process, forked from one in which everything is imported but the glue.

``python -m tests.tools.missing [LIBRARY ...]``; without arguments it tries all libraries.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import gc
import importlib
import os
import pathlib
import signal
import sys
import threading
import time
import traceback
import types
import warnings

from tests.helpers.managers import Manager

LIBRARIES = {
    "anyio": "anyio",
    "async_generator": "async_generator",
    "asyncio": "asyncio",
    "concurrent_futures": "concurrent.futures",
    "contextlib": "contextlib",
    "greenback": "greenback",
    "greenlet": "greenlet",
    "threading": "threading",
    "trio": "trio",
}
for library in set(LIBRARIES.values()):
    importlib.import_module(library)
import concurrent.futures.process
import concurrent.futures.thread

import async_generator
import greenback
import greenlet
import trio
import trio.testing

import stackscope
import stackscope.extraction.contexts
import stackscope.render.drawing
import stackscope.snapshot.taking
from stackscope import glue


@contextlib.contextmanager
def managed():
    yield


async def waiting(sleep):
    with Manager() as manager:
        await sleep()


def greenlets(look):
    def switch():
        with Manager() as manager:
            greenlet.getcurrent().parent.switch()

    item = greenlet.greenlet(switch)
    item.switch()
    look(item, "switch")
    item.switch()


def threads(look):
    ready, leave = threading.Event(), threading.Event()

    def work():
        with Manager() as manager:
            ready.set()
            while not leave.is_set():
                time.sleep(0.001)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(leave.wait)
    ready.wait()
    look(thread, "work")
    look(future)
    leave.set()


def managers(look):
    def generate():
        with contextlib.ExitStack() as stack:
            stack.enter_context(managed())
            stack.callback(int, 1)
            with managed():
                yield

    generator = generate()
    next(generator)
    look(generator, "generate")


def on_asyncio(look):
    async def main():
        loop = asyncio.get_running_loop()
        lock = asyncio.Lock()
        await lock.acquire()
        event = asyncio.Event()
        tasks = [
            asyncio.ensure_future(waiting(wait))
            for wait in (
                lock.acquire,
                event.wait,
                asyncio.Queue().get,
                functools.partial(asyncio.sleep, 9),
                lambda: asyncio.gather(asyncio.sleep(9), event.wait()),
                lambda: asyncio.wait_for(event.wait(), 9),
                lambda: asyncio.shield(loop.create_future()),
                lambda: loop.run_in_executor(None, int),
            )
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in tasks[:-1]:
            look(task, "waiting")
        look(asyncio.current_task(), "main")

    asyncio.run(main())


def on_trio(look):
    async def main():
        await greenback.ensure_portal()
        async with trio.open_nursery() as nursery:
            event = trio.Event()
            lock = trio.Lock()
            await lock.acquire()
            send, receive = trio.open_memory_channel(0)

            def synchronous():
                with Manager() as manager:
                    greenback.await_(event.wait())

            async def with_portal():
                await greenback.ensure_portal()
                synchronous()

            @async_generator.async_generator
            async def generate():
                with Manager() as manager:
                    await async_generator.yield_(1)

            for wait in (event.wait, lock.acquire, receive.receive, trio.sleep_forever):
                nursery.start_soon(waiting, wait)
            nursery.start_soon(with_portal)
            for _ in range(4):
                await trio.lowlevel.checkpoint()
            generator = generate()
            await generator.__anext__()
            look(generator, "generate", detail="_coroutine")
            for task in nursery.child_tasks:
                if "with_portal" in task.name:
                    look(task, "synchronous", detail="_greenback_shim")
                else:
                    look(task, "waiting")
            look(trio.lowlevel.current_task(), "main")
            nursery.cancel_scope.cancel()

    trio.run(main)


def on_anyio(look, backend):
    async def main():
        async with anyio.create_task_group() as group:
            lock, event = anyio.Lock(), anyio.Event()
            await lock.acquire()
            send, receive = anyio.create_memory_object_stream(0)
            with anyio.fail_after(9):
                for wait in (event.wait, lock.acquire, receive.receive, anyio.sleep_forever):
                    group.start_soon(waiting, wait)
                for _ in range(4):
                    await anyio.lowlevel.checkpoint()
                    await anyio.sleep(0)
                if backend == "asyncio":
                    for task in asyncio.all_tasks() - {asyncio.current_task()}:
                        look(task, "waiting")
                    look(asyncio.current_task(), "main")
                else:
                    for task in group._nursery.child_tasks:
                        look(task, "waiting")
                    look(trio.lowlevel.current_task(), "main")
            group.cancel_scope.cancel()

    import anyio.lowlevel

    anyio.run(main, backend=backend)


SCENES = {
    "anyio": [lambda look: on_anyio(look, "asyncio"), lambda look: on_anyio(look, "trio")],
    "async_generator": [on_trio],
    "asyncio": [on_asyncio],
    "concurrent.futures": [threads],
    "contextlib": [managers],
    "greenback": [on_trio],
    "greenlet": [greenlets, on_trio],
    "threading": [threads],
    "trio": [on_trio],
}


def names_in(code):
    """The private names that code mentions, as names and as strings."""
    strings = [text for text in code.co_consts if type(text) is str and text.isidentifier()]
    yield from (name for name in (*code.co_names, *strings) if name[0] == "_" and name[:2] != "__")
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


def owners(objects, library):
    """Objects of the library with what is in their namespaces."""

    def is_its(module):
        return type(module) is str and (module + ".").startswith(library + ".")

    for obj in objects:
        cls = type(obj)
        if cls is types.ModuleType:
            found = is_its(obj.__name__)
        else:
            found = is_its(obj.__dict__.get("__module__") if cls is type else cls.__module__)
        if found:
            yield obj, getattr(obj, "__dict__", {})


def take_away(name, library):
    for owner in static[library].get(name, []):
        remove(owner, name)
    for owner, namespace in owners(gc.get_objects(), library):
        if name in namespace:
            remove(owner, name)


def remove(owner, name):
    try:
        delattr(owner, name)
    except (AttributeError, TypeError):
        pass  # it is compiled


def case(name, library, scene):
    """Extracts all items without the name. The exit status tells whether that went well."""
    warnings.simplefilter("error", RuntimeWarning)
    done = []

    def look(item, function=None, detail=None):
        if not done:  # What is lacking from now on was there while the library was running.
            take_away(name, library)
        done.append(item)
        try:
            stack = stackscope.extract(item, recurse_child_tasks=True)
            text = str(stack)
            if len(done) == 1:
                str(stackscope.extract_all())
            assert stack.error is None, text
            if function is not None and name != detail:
                [frame] = [frame for frame in stack.frames if frame.funcname == function]
                assert frame.contexts or function == "main", text
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(1)
        if len(done) == expected[scene]:
            os._exit(0)  # the library can't go on

    signal.alarm(20)
    try:
        scene(look)
    finally:
        os._exit(0 if done else 1)  # it could not even go on so far


def count_looks(scene, library):
    """How many items a scene has, and which names there are to take away."""
    count = []

    def look(item, function=None, detail=None):
        if not count:
            for owner, namespace in owners(gc.get_objects(), library):
                present[library].update(mentioned[library].intersection(namespace))
        count.append(1)

    scene(look)
    return len(count)


def cases(library):
    """Tries all names of a library. Gives how many went wrong."""
    # What other libraries' glue there is, is in place: only this library's is installed in each
    # case.
    own = [name for name in sys.modules if name.startswith((library, *DEPENDENT.get(library, ())))]
    glue._dealt_with.update(dict.fromkeys(own, 0))
    stackscope.extract(None)
    for name in own:
        del glue._dealt_with[name]
    glue._settled_state = None
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()  # what there is from now on belongs to a scene
    wrong = 0
    for name in sorted(present[library]):
        for scene in SCENES[library]:
            sys.stdout.flush()
            if os.fork() == 0:
                case(name, library, scene)
            if os.wait()[1] != 0:
                wrong += 1
                print("without", name, "of", library, flush=True)
    print(library, len(present[library]), "names,", wrong, "wrong", flush=True)
    return wrong


DEPENDENT = {
    "asyncio": ("anyio",),
    "concurrent.futures": ("asyncio", "anyio"),
    "greenlet": ("greenback",),
    "trio": ("anyio", "pytest_trio"),
}
"""Libraries whose glue imports that of others."""


package = pathlib.Path(stackscope.__file__).parent / "glue"
mentioned = {library: set() for library in SCENES}
for path in package.rglob("*.py"):
    # The room of a library, or the file of one that needs no room.
    library = LIBRARIES.get(path.parent.name) or LIBRARIES.get(path.stem)
    if library is not None:
        mentioned[library].update(names_in(compile(path.read_text(), str(path), "exec")))
chosen = sys.argv[1:] or list(SCENES)
static = {library: {} for library in chosen}
for library in chosen:
    for owner, namespace in owners(gc.get_objects(), library):
        for name in mentioned[library].intersection(namespace):
            # A module inside a package is there, or its glue isn't installed.
            if type(namespace[name]) is not types.ModuleType:
                static[library].setdefault(name, []).append(owner)
present = {library: set(static[library]) for library in chosen}
expected = {scene: count_looks(scene, one) for one in chosen for scene in SCENES[one]}
for library in chosen:  # all at the same time
    sys.stdout.flush()
    if os.fork() == 0:
        os._exit(min(cases(library), 1))
untried = [library for library in chosen if not mentioned[library]]
assert not untried, f"no private name is mentioned in the glue of {untried}"
wrong = sum(os.wait()[1] != 0 for _ in chosen)
print(wrong, "libraries wrong")
