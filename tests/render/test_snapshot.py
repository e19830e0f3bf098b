"""A snapshot as text: the overview, and what is folded in the stacks below it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager

import pytest

import stackscope
from stackscope import extract_all
from stackscope.interpreter.facts import has_gil
from tests.helpers.repository import ROOT
from tests.snapshot.programs import start

LIBRARY = """
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

async def deep(function, depth):
    if depth:
        return await deep(function, depth - 1)
    return await function()

async def with_context(manager, function):
    async with manager:
        return await function()

async def in_stack(manager, function):
    async with AsyncExitStack() as stack:
        stack.callback(print)
        await stack.enter_async_context(manager)
        return await function()

def call(function):
    return function()

async def alone(event):
    await event.wait()

@asynccontextmanager
async def shielded(manager):
    async with manager as value:
        yield value
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library that is installed."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "installed_library.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("installed_library")
    sys.modules.pop("installed_library", None)


class Connection:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        pass


def look(main, **options):
    """Run ``main()``, which gives tasks, and draw everything then."""
    found = []

    async def inside():
        tasks = await main()
        found.append("".join(extract_all().format(**options)))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)

    asyncio.run(inside())
    return found[0]


def stacks_in(text):
    return text.partition("\n\n")[2]


def task_in(text, name):
    """The lines of a task: its title and what is below."""
    lines = stacks_in(text).splitlines()
    [first] = [index for index, line in enumerate(lines) if f" ({name}): " in line]
    indent = lines[first].index("task")
    rest = lines[first + 1 :]
    count = next(
        (i for i, line in enumerate(rest) if not re.match("[│ ]{%d}" % indent, line)), None
    )
    return [line[indent:] for line in [lines[first], *rest[:count]]]


def test_the_overview_comes_first_and_can_be_had_alone():
    async def main():
        lock = asyncio.Lock()

        async def hold():
            async with lock:
                await asyncio.sleep(1000)

        async def want():
            async with lock:
                pass

        return [await start(hold(), "holder"), await start(want(), "wants")]

    text = look(main)
    table, _, stacks = text.partition("\n\n")
    assert re.search(
        r"^ *\d+ holder +waiting: asyncio.sleep\(\), [\d.]+ s left +hold:\d+ ", table, re.M
    )
    assert re.search(
        r"^ *\d+ wants +waiting: Lock.acquire\(\), held by \d+ +want:\d+ ", table, re.M
    )
    assert "╠" not in table
    assert "╠ hold in " in stacks
    assert "╠" not in look(main, stacks=False)
    assert look(main, overview=False).startswith("asyncio loop in MainThread: 3 tasks\n├ task ")
    narrow = look(main, stacks=False, width=70)
    assert max(map(len, narrow.splitlines())) <= 70
    assert "held by" in narrow


def test_frames_of_libraries_are_folded_unless_they_hold_what_is_the_users(library):
    async def forever():
        await asyncio.sleep(1000)

    async def main():
        return [
            await start(library.deep(forever, 13), "deep"),
            await start(library.with_context(Connection(), forever), "connected"),
        ]

    text = look(main)
    title, *lines = task_in(text, "deep")
    assert re.search(r"s left, at \S*test_snapshot.py:\d+$", title)
    assert lines[0] == "⋮ 14 frames of installed_library"
    assert lines[1].startswith("╠ forever in tests.render.test_snapshot at ")
    assert lines[2] == "║ └ await asyncio.sleep(1000)"
    assert len(lines) == 3  # what the title says isn't drawn
    _, *lines = task_in(text, "connected")
    assert lines[0].startswith("╠ with_context in installed_library at installed_library.py:")
    assert lines[1] == "║ ├ async with manager:  # manager: Connection (line 10)"
    for options in ({"fold": False}, {"whole": True}):
        whole = look(main, **options)
        assert whole.count("╠ deep in installed_library at ") == 14
        assert "⋮" not in whole
        assert "sleep in asyncio.tasks" in whole
    assert f"at {library.__file__}:" in whole


def test_what_is_the_users_counts_inside_a_manager_of_a_library_too(library):
    @asynccontextmanager
    async def session():
        async with asyncio.Lock():
            yield

    async def forever():
        await asyncio.sleep(1000)

    async def main():
        return [await start(library.with_context(library.shielded(session()), forever), "deep")]

    lines = task_in(look(main), "deep")
    assert lines[1].startswith("╠ with_context in installed_library at installed_library.py:")
    assert any("async with asyncio.Lock():" in line for line in lines)


def test_tasks_of_libraries_have_no_rows_unless_there_are_no_others(library):
    async def main():
        event = asyncio.Event()
        tasks = [await start(library.alone(event), f"of a library {n}") for n in range(3)]
        return [*tasks, await start(asyncio.sleep(1000), "sleeps")]

    text = look(main, stacks=False)
    assert re.search(r"^  … 4 more tasks with nothing but code of libraries: \d+-\d+$", text, re.M)
    assert "of a library" not in text
    assert "of a library 2" in look(main, stacks=False, max_alike=None)


def test_equal_frames_are_drawn_once():
    leave = threading.Event()

    def recurse(depth):
        if depth:
            return recurse(depth - 1)
        return leave.wait(60)

    def even(depth):
        return odd(depth)

    def odd(depth):
        return even(depth - 1) if depth else leave.wait(60)

    threads = [
        threading.Thread(target=recurse, args=(300,), name="deep"),
        threading.Thread(target=even, args=(300,), name="in turn"),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    snapshot = extract_all()
    leave.set()
    for thread in threads:
        thread.join()
    text = str(snapshot)
    assert re.search(r"╠ \S*recurse in \S+ at \S+:\d+ \(× 300\)\n", text)
    assert " more: these 2 frames again\n" in text
    assert text.count("╠ ") < 20
    assert "(x 300)" in "".join(snapshot.format(ascii_only=True))
    assert "".join(snapshot.format(ascii_only=True)).isascii()


def test_threads_that_are_alike_and_idle_workers():
    leave = threading.Event()

    def handle():
        with threading.Lock():
            leave.wait(60)

    threads = [threading.Thread(target=handle, name=f"handler-{n}") for n in range(40)]
    with concurrent.futures.ThreadPoolExecutor(3, "pool") as pool:
        barrier = threading.Barrier(3)
        for future in [pool.submit(barrier.wait) for _ in range(3)]:
            future.result()
        pool.submit(handle)
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        snapshot = extract_all()
        leave.set()
    for thread in threads:
        thread.join()
    text = str(snapshot)
    assert text.count("(handler-") + text.count("handler-0 ") < 5
    assert re.search(r"│ … and 39 more at the same lines: \d+-\d+\n", text)
    assert text.count("with threading.Lock():") <= 2 * has_gil()
    # a thread of the pool runs the same function, below other frames
    assert re.search(r"^  2 idle pool workers: threads \d+", text, re.M)
    assert re.search(r"^├ 2 idle pool workers: threads \d+", text, re.M)
    whole = "".join(snapshot.format(whole=True, overview=False))
    assert "idle pool" not in whole
    assert len(re.findall("^├ thread .*handler-", whole, re.M)) == 40


def test_a_worker_in_a_function_in_c_is_not_idle():
    extract_all()  # the first one takes longer
    with concurrent.futures.ThreadPoolExecutor(1, "pool") as pool:
        pool.submit(time.sleep, 1)
        time.sleep(0.2)
        assert not re.search(r"\d idle pool", str(extract_all()))


def test_a_frame_of_a_library_is_there_for_what_is_the_users_in_it(library):
    async def forever():
        await asyncio.sleep(1000)

    async def waits():
        await asyncio.Event().wait()

    async def main():
        return [
            await start(library.in_stack(Connection(), forever), "first"),
            await start(library.in_stack(Connection(), waits), "second"),
        ]

    text = look(main)
    title, *lines = task_in(text, "first")
    assert lines[0].startswith("╠ in_stack in installed_library at ")
    assert lines[1].startswith("║ ├ async with AsyncExitStack() as stack:")
    assert lines[2].startswith("║ ├── await stack.enter_async_context(")
    assert "Connection" in lines[2]
    assert lines[3].startswith("╠ forever in ")
    _, *lines = task_in(text, "second")
    number = title.split()[1]
    assert lines[0] == f"⋮ 1 frame of installed_library, as in task {number}"
    assert lines[1].startswith("╠ waits in ")
    assert "stack.callback(" in look(main, fold=False)


def test_of_a_thread_that_runs_an_idle_loop_the_title_says_all():
    stop = []

    async def run():
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        await stop[0][1].wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="of the loop")
    thread.start()
    time.sleep(0.3)
    text = str(extract_all())
    loop, event = stop[0]
    loop.call_soon_threadsafe(event.set)
    thread.join()
    lines = text.splitlines()
    [index] = [i for i, line in enumerate(lines) if re.match(r"├ thread \d+ of the loop", line)]
    assert not "".join(lines[index + 1 : index + 2]).startswith("│")


def test_a_thread_in_a_function_in_c_is_in_the_task_that_waits_for_it():
    async def in_pool(pool):
        await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 1)

    with concurrent.futures.ThreadPoolExecutor(1, "pool") as pool:

        async def main():
            return [await start(in_pool(pool), "waits"), await start(asyncio.sleep(0.2), "last")]

        async def after_a_while():
            tasks = await main()
            await tasks.pop()
            return tasks

        text = look(after_a_while)
    [number] = re.findall(r"├ task (\d+) \(waits\): ", text)
    assert re.search(
        rf"^├ thread \d+ pool_0\S*( \(daemon\))?[:,] in task {number} \(waits\)$", text, re.M
    )
    assert "pool_0" not in text.partition("other thread")[2].partition("\n\n")[0]


def test_a_stack_is_drawn_once():
    leave = threading.Event()

    def compute():
        leave.wait(60)

    async def main():
        loop = asyncio.get_running_loop()
        task = await start(in_pool(loop), "in a pool")
        await asyncio.sleep(0.1)
        return [task]

    async def in_pool(loop):
        await loop.run_in_executor(None, compute)

    async def inside():
        [task] = await main()
        text = str(extract_all())
        leave.set()
        await task
        return text

    text = asyncio.run(inside())
    assert (
        text.count("╠ test_a_stack_is_drawn_once.<locals>.compute in") + text.count("╠ compute in")
        == 1
    )
    assert text.count("╠ inside in") == 1
    assert re.search(r"├ thread \d+ \S+( \(daemon\))?: waiting for .*, in task \d+ \(in", text)


def test_tasks_at_the_same_lines_under_different_owners_are_drawn_once():
    async def worker():
        await asyncio.sleep(1000)

    async def owner(name):
        await (await start(worker(), name))

    async def main():
        tasks = [await start(owner(f"worker-{n}"), f"owner-{n}") for n in range(2)]
        return tasks

    text = look(main)
    first, *_ = task_in(text, "worker-0")
    again, *rest = task_in(text, "worker-1")
    number = first.split()[1]
    assert again.endswith(f", as task {number}")
    assert rest == []
    assert not re.search(r", as task \d", look(main, whole=True))


def test_a_loop_that_is_stuck_has_a_headline():
    extract_all()  # the first one takes longer
    found, begun, ended = [], threading.Event(), threading.Event()

    async def stuck():
        await asyncio.sleep(0)
        begun.set()
        while not ended.is_set():
            time.sleep(2)

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(0.01))
        await start(stuck(), "stuck")
        await asyncio.sleep(0.1)
        await task

    def look_at_it():
        begun.wait()
        time.sleep(0.8)
        try:
            found.append(str(extract_all()))
        finally:
            ended.set()

    thread = threading.Thread(target=look_at_it)
    thread.start()
    asyncio.run(main())
    thread.join()
    line = found[0].splitlines()[0]
    call = ", in time.sleep()" if has_gil() and sys.implementation.name == "cpython" else ""
    expected = (
        rf"the loop has stood in task \d+ \(stuck\) at \S*test_snapshot.py:\d+{re.escape(call)}"
    )
    assert re.match(expected + r", for about (0\.[5-9]|[1-9]\d*\.\d) s$", line), line


def test_a_loop_that_goes_on_has_none():
    async def main():
        return [await start(asyncio.sleep(1000), "sleeps")]

    assert not re.search(r"^the loop ", look(main), re.M)


def test_the_work_is_linear(library):
    async def forever():
        await asyncio.sleep(1000)

    async def many(count):
        return [await start(library.deep(forever, n % 7), f"t{n}") for n in range(count)]

    def time_of(count):
        async def inside():
            tasks = await many(count)
            snapshot = extract_all()
            begun = time.process_time()
            snapshot.format()
            took = time.process_time() - begun
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)
            return took

        return min(asyncio.run(inside()) for _ in range(2))

    assert time_of(320) < 10 * time_of(80) + 0.05


def test_a_loop_that_is_stuck_in_a_callback_or_waits_for_a_lock():
    extract_all()  # the first one takes longer
    lock = threading.Lock()
    found = []

    def callback():
        with lock:
            pass

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, callback)
        await asyncio.sleep(0.1)

    def look_at_it():
        with lock:
            time.sleep(0.8)
            found.append(str(extract_all()))

    thread = threading.Thread(target=look_at_it, name="holder")
    thread.start()
    asyncio.run(main())
    thread.join()
    line = found[0].splitlines()[0]
    assert re.match(r"the loop has stood in a callback at \S*test_snapshot.py:\d+, ", line)
    if has_gil() and sys.implementation.name == "cpython":
        assert re.search(r"waiting for Lock.acquire\(\): held by thread \d+ \(holder\)", line)
    assert re.search(r", for about (0\.[5-9]|1\.\d) s$", line)


def test_a_greenlet_whose_frames_are_a_tasks():
    greenback = pytest.importorskip("greenback")

    def synchronous():
        greenback.await_(asyncio.sleep(1000))

    async def task():
        await greenback.ensure_portal()
        synchronous()

    async def main():
        return [await start(task(), "has a greenlet")]

    drawn = re.compile(r"╠ \S*synchronous in tests")
    text = look(main)
    assert len(drawn.findall(text)) == 1
    assert "├ greenlet" not in text
    assert len(drawn.findall(look(main, whole=True))) == 1


PROGRAM = """
import asyncio, stackscope

async def journal(lock, queue):
    async with lock:
        await queue.get()

async def client(lock):
    async with lock:
        pass

async def look(clients):
    print(stackscope.extract_all(threads=False), end="")
    for task in clients:
        task.cancel()

async def main():
    lock, queue = asyncio.Lock(), asyncio.Queue()
    tasks = [asyncio.ensure_future(journal(lock, queue))]
    tasks += [asyncio.ensure_future(client(lock)) for _ in range(8)]
    await asyncio.sleep(0)
    tasks.append(asyncio.ensure_future(look(tasks[:])))
    await asyncio.gather(*tasks, return_exceptions=True)

asyncio.run(main())
"""


def test_golden(tmp_path):
    (tmp_path / "app.py").write_text(PROGRAM, encoding="utf-8")
    text = subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    ).stdout
    golden = ROOT / "tests" / "golden" / "snapshot.txt"
    if os.environ.get("STACKSCOPE_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("count", "words"),
    [(5, ""), (6, "1 more {} is not begun"), (8, "3 more {}s are not begun")],
)
def test_how_many_more_coroutines_are_not_begun(count, words):
    async def never_begun():
        pass

    coroutines = [never_begun() for _ in range(count)]
    loop = stackscope.LoopNode(None, "asyncio", None, False, False, [], to_begin=coroutines)
    shown = stackscope.Snapshot([loop], [])
    for one in (shown, stackscope.Snapshot.from_json(shown.to_json())):
        text = str(one)
        assert text.count("not begun: coroutine ") == 5
        assert ("more coroutine" in text) is bool(words)
        assert words.format("coroutine") in text
    for coroutine in coroutines:
        coroutine.close()


@pytest.mark.parametrize(
    ("count", "words"), [(5, ""), (6, "1 more task has failed"), (8, "3 more tasks have failed")]
)
def test_how_many_more_tasks_have_failed(count, words):
    failed = [
        stackscope.FailedTask(None, number, f"task-{number}", ValueError("words"))
        for number in range(count)
    ]
    loop = stackscope.LoopNode(None, "asyncio", None, False, False, [], failed=failed)
    text = str(stackscope.Snapshot([loop], []))
    assert text.count("ValueError: words") == 5
    assert ("more task" in text) is bool(words)
    assert words in text
