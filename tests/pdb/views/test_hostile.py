"""Hostile objects and names at the prompt: no command fails, and nothing repaints the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import sys
import threading
from traceback import walk_tb

import pytest

import stackscope
from stackscope_pdb import Pdb
from tests.helpers.hostile import ALL, TRICK, Plain, disguised
from tests.helpers.rows import share

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def assert_harmless(output):
    found = FORBIDDEN.search(output)
    assert found is None, output[max(found.start() - 200, 0) : found.end() + 50]
    assert "which is a bug" not in output


@pytest.mark.parametrize("name", ALL)
def test_a_hostile_manager(name, scripted):
    def suspended(odd, before, after):
        with before as a, odd as b, after as c:
            yield

    before, odd, after = Plain(), ALL[name](), Plain()
    generator = suspended(odd, before, after)
    next(generator)
    session = scripted(
        *("where --contexts", "ctx", "ctx 2", "p odd", "pp odd", "ll", "stack odd"),
        *("stack generator", "where --contexts", "ctx", "args", "p odd", "!odd", "display odd"),
        *("whatis odd", "unfocus", "p 1 + 1", "c"),
    )
    with before as a, odd as b, after as c:
        session.stop()
        assert a is before  # up to 3.9 the next line to stop at would be in __exit__()
    assert_harmless(session.output)
    for index in (0, 1, 8, 9):
        reply = session.replies[index]
        assert re.search(r"a: Plain \(line \d+\)", reply), reply
        assert re.search(r"c: Plain \(line \d+\)", reply), reply
    assert session.replies[-2] == "2"


class Failing:
    """An item that can't be looked into."""


@stackscope.unwrap_stackitem.register(Failing)
def _unwrap(item):
    raise RuntimeError(TRICK)


def test_hostile_names(scripted):
    """Those of tasks, threads, functions, modules and files; source lines and exceptions."""

    def suspended():
        yield

    async def worker(gate):
        await gate.wait()

    def in_thread(started, ended):
        started.set()
        ended.wait(60)

    async def program():
        generator = disguised(suspended)()
        next(generator)
        failing = Failing()
        gate, started, ended = asyncio.Event(), threading.Event(), threading.Event()
        thread = threading.Thread(target=disguised(in_thread), args=(started, ended))
        thread.name = f"king {TRICK}"
        thread.start()
        started.wait()
        task = asyncio.ensure_future(disguised(worker)(gate))
        task.set_name(f"queen {TRICK}")
        await asyncio.sleep(0)
        here(generator, failing)
        gate.set()
        ended.set()
        thread.join()
        await task

    def stop(generator, failing):
        session.stop()

    here = disguised(stop)
    session = scripted(
        *(
            "where --contexts --hidden",
            "ctx",
            "ll",
            "l",
            "w",
            "tasks",
            "task queen",
            "where",
            "ctx",
        ),
        *("ll", "p 1", "unfocus", "threads", "thread king", "where", "ll", "unfocus", "args"),
        *("stack generator", "where -c", "list", "unfocus", "p failing", "stack failing"),
        *(f"p {TRICK!a}", "up", "down", "p 1/0", f"!raise ValueError({TRICK!a})"),
        *(f"stack {TRICK!a}", f"exec('raise ValueError({TRICK!a})')", "whatis failing", "c"),
    )
    problem = ""
    try:
        asyncio.run(program())
    except BaseException as exc:  # pytest can't show what goes through such frames
        problem = f"{exc!r} in {[frame.f_code for frame, _ in walk_tb(exc.__traceback__)]}"
    assert not problem, ascii(problem)
    assert_harmless(session.output)
    assert session.prompts[7].startswith("(stackscope_pdb queen \\x1b[2J")
    assert session.prompts[14].startswith("(stackscope_pdb king \\x1b[2J")
    escaped = ascii(TRICK)[1:-1]
    assert f"ValueError: {escaped}" in session.output
    [failure] = [reply for reply in session.replies if "can't be read" in reply]
    assert failure.endswith(f"RuntimeError: {escaped}")


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit])
@pytest.mark.parametrize("is_sticky", [False, True])
def test_source_that_cant_be_loaded(kind, is_sticky, scripted, monkeypatch):
    class Loader:
        def get_source(self, name):
            raise kind

    monkeypatch.setenv("STACKSCOPE_PDB_STICKY", str(int(is_sticky)))
    session = scripted(
        *("where -c", "ll", "list", "ctx", "sticky", "up", "w", "u", "down", "frame", "p 7", "n"),
        *("p 8", "c"),
    )
    namespace = {"cm": Plain(), "session": session, "__name__": "odd", "__loader__": Loader()}
    code = "def f():\n  with cm as a:\n    session.stop()\n    a\nf()\n"
    exec(compile(code, f"/nowhere/{kind.__name__}.py", "exec"), namespace)
    assert_harmless(session.output)
    assert "# a: Plain (line 2)" in session.replies[0]
    assert "# a: Plain (line 2)" in session.replies[3]
    assert session.replies[-4] == "7"
    assert session.replies[-2] == "8"


def test_a_repr_that_exits_is_no_quit(scripted, monkeypatch):
    """An object that can't be shown is no reason to end the program."""
    monkeypatch.setenv("COLUMNS", "200")

    class Exiting(Plain):
        def __repr__(self):
            raise SystemExit

        __str__ = __repr__

    def suspended(odd):
        with contextlib.ExitStack() as stack:
            stack.callback(id, odd)
            yield odd

    exiting = Exiting()
    generator = suspended(exiting)
    next(generator)
    session = scripted(
        *("where --contexts", "ctx", "stack generator", "where --contexts", "ctx", "unfocus"),
        *("stack exiting", "p 7", "c"),
    )
    session.stop()
    assert "(repr raised SystemExit)" in session.replies[3]
    assert "(repr raised SystemExit)" in session.replies[4]
    assert session.replies[-2] == "7"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_stream_that_cant_write_it_all(encoding, monkeypatch):
    """Whatever the encoding, a command's answer comes out, if need be with escapes."""
    monkeypatch.setenv("COLUMNS", "200")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    commands = "where --contexts\nctx\np '☃' + chr(0xd800)\ntask ☃\ntasks\nwhere\np '☃'\nll\nc\n"
    pdb = Pdb(stdin=io.StringIO(commands), stdout=out, nosigint=True, readrc=False)
    pdb.use_rawinput = False

    async def worker(gate):
        await gate.wait()

    async def program():
        gate = asyncio.Event()
        task = asyncio.ensure_future(worker(gate))
        task.set_name("☃ÿ")
        await asyncio.sleep(0)
        with Plain() as a:  # ☃
            pdb.set_trace(sys._getframe())
            gate.set()
        await task

    asyncio.run(program())
    out.flush()
    text = raw.getvalue().decode(encoding)
    assert re.search(r"a: Plain \(line \d+\)", text)
    signs = {"ascii": ("\\u2603\\xff", "+ "), "cp1252": ("\\u2603ÿ", "+ ")}
    for sign in signs.get(encoding, ()):
        assert sign in text
    assert "\\ud800" in text
    assert "*** " not in text


UNLUCKY = [
    "nightly 90 s left", "job held by task 7 (x)", "job, held by 7", "2nd of 3 waiters",
    "0.3 s overdue", "waiting for each other: task 1", "in thread MainThread", "5 waiters",
    "until 3.0 by the clock of its loop", "Lock.acquire(): 5 waiters", "with lock", "task 2 (one)",
    "2 × held by 3", "cancelling",
]  # fmt: skip
"""Names that look like words of ours."""


def seen_with(name, scripted):
    """A snapshot of tasks that wait for one of that name, and the rows of theirs in `tasks`."""

    async def waits_for(task):
        await asyncio.wait_for(asyncio.shield(task), None)

    async def locks(lock):
        async with lock:
            await asyncio.sleep(3600)

    async def main():
        lock = asyncio.Lock()
        inner = asyncio.ensure_future(locks(lock))
        inner.set_name(name)
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(one) for one in (waits_for(inner), locks(lock))]
        for number, task in enumerate(others):
            task.set_name(f"other-{number}")
        await asyncio.sleep(0.01)
        snapshot = stackscope.extract_all(threads=False)
        session.stop()
        for task in [inner, *others]:
            task.cancel()
        await asyncio.wait([inner, *others])
        return snapshot

    session = scripted("tasks", "c")
    snapshot = asyncio.run(main())
    rows = [row for row in session.replies[0].splitlines() if "other-" in row]
    return snapshot, [re.sub(r"\d+", "N", " ".join(row.split())) for row in rows]


@pytest.mark.parametrize("name", share(UNLUCKY, 3))
def test_names_that_look_like_words_of_ours(name, scripted, monkeypatch):
    """The name of a task changes the name that is shown, and nothing else."""
    monkeypatch.setenv("COLUMNS", "200")
    (expected, expected_rows), (found, rows) = (
        seen_with(n, scripted) for n in ("x" * len(name), name)
    )
    assert rows == expected_rows
    assert ["s left" in row for row in rows] == [False, False]
    assert [re.findall(r"held by .*?(?= )", row) for row in rows] == [[], ["held by N"]]
    by_name, plain = ({node.name: node for node in one.tasks()} for one in (found, expected))
    for other in ("other-0", "other-1"):
        waiting = by_name[other].waiting
        assert all(wait.seconds_left is None for wait in waiting.layers())
        words = str(waiting).replace(f"({name})", f"({'x' * len(name)})")
        assert re.sub(r"\d+", "N", words) == re.sub(r"\d+", "N", str(plain[other].waiting))
    assert by_name["other-0"].waiting.holders == []
    assert by_name["other-1"].waiting.holders == [by_name[name].task]
