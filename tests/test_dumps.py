"""Dumps on signals and after a time.

What needs signals from outside is done in tests/helpers/dumping.py.
"""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import stackscope
from stackscope import dumps
from stackscope.render import stream
from tests.helpers.managers import Manager
from tests.helpers.measured import end
from tests.helpers.repository import ROOT
from tests.helpers.targets import fill

SIGNAL = getattr(signal, "SIGUSR1", None) or signal.SIGBREAK
HANDLERS_WAIT = sys.implementation.name == "pypy"
"""PyPy runs no handler inside of another: it comes when the first one has ended."""

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="sends signals that Windows doesn't have")


@pytest.fixture
def file(tmp_path):
    with open(tmp_path / "dump.txt", "w+", encoding="utf-8") as file:
        yield file
        stackscope.cancel_dump_after()
        stackscope.unregister(SIGNAL)


def text_of(file):
    return Path(file.name).read_text(encoding="utf-8")


def dumps_in(text):
    """How many complete dumps there are. (They may well quote this file's own lines.)"""
    starts, ends = (
        sum(line.startswith(word) for line in text.splitlines())
        for word in ("+++ stackscope: ", "+++ end of ")
    )
    assert starts - ends in (0, 1)
    return ends


def until(condition):
    """Wait for what another thread or process does."""
    event = threading.Event()
    for _ in range(6000):
        if condition():
            return
        event.wait(0.01)
    raise AssertionError("it didn't come")


def watching():
    """How many threads `dump_after` has started that are there still."""
    code = dumps._Watch.run.__code__
    frames = [stackscope.extract_until(frame) for frame in sys._current_frames().values()]
    return sum(any(frame.pyframe.f_code is code for frame in stack) for stack in frames)


def test_register_and_unregister(file):
    before = signal.getsignal(SIGNAL)
    stackscope.register(SIGNAL, file)
    with Manager() as held:
        signal.raise_signal(SIGNAL)
    text = text_of(file)
    name = signal.Signals(SIGNAL).name
    assert f"what process {os.getpid()} is doing on {name}" in text
    assert text.endswith(f"+++ end of what process {os.getpid()} is doing +++\n")
    assert "test_register_and_unregister in tests.test_dumps" in text
    assert "signal.raise_signal(SIGNAL)" in text
    assert "_on_signal" not in text
    assert "# held: Manager" in text
    assert stackscope.unregister(SIGNAL) is True
    assert stackscope.unregister(SIGNAL) is False
    assert signal.getsignal(SIGNAL) is before


def test_chain(file):
    calls = []
    before = signal.signal(SIGNAL, lambda number, frame: calls.append((number, frame)))
    try:
        stackscope.register(SIGNAL, file)
        signal.raise_signal(SIGNAL)
        assert not calls
        stackscope.register(SIGNAL, file.fileno(), chain=True)  # what was before is known still
        signal.raise_signal(SIGNAL)
        assert [number for number, frame in calls] == [SIGNAL]
        assert calls[0][1].f_code.co_name == "test_chain"
        stackscope.unregister(SIGNAL)
        signal.raise_signal(SIGNAL)
        assert len(calls) == 2
    finally:
        signal.signal(SIGNAL, before)
    assert dumps_in(text_of(file)) == 2


def test_a_handler_that_was_set_later_is_left_alone(file):
    stackscope.register(SIGNAL, file)
    ours = signal.getsignal(SIGNAL)
    later = signal.signal(SIGNAL, lambda number, frame: ours(number, frame))
    theirs = signal.getsignal(SIGNAL)
    try:
        signal.raise_signal(SIGNAL)
        assert stackscope.unregister(SIGNAL) is True
        assert signal.getsignal(SIGNAL) is theirs
        signal.raise_signal(SIGNAL)
    finally:
        signal.signal(SIGNAL, signal.SIG_DFL)
    assert later is ours
    assert dumps_in(text_of(file)) == 1


def test_a_signal_during_a_dump(file, monkeypatch):
    """Whatever comes while a dump is made finds it busy, and the next one finds it free."""
    real = dumps.take_snapshot
    to_raise = [True]
    expected = 2 if HANDLERS_WAIT else 1

    def interrupted(caller, **options):
        if to_raise:
            to_raise.pop()
            signal.raise_signal(SIGNAL)
        return real(caller, **options)

    stackscope.register(SIGNAL, file)
    monkeypatch.setattr(dumps, "take_snapshot", interrupted)
    signal.raise_signal(SIGNAL)
    assert dumps_in(text_of(file)) == expected
    signal.raise_signal(SIGNAL)
    assert dumps_in(text_of(file)) == expected + 1


def test_no_repr_runs(file):
    """It might wait for a lock that the interrupted code holds."""
    lock = threading.Lock()

    class Locked:
        def __repr__(self):
            with lock:
                return "locked"

    import contextlib

    def hold(argument):
        with contextlib.ExitStack() as stack:
            stack.callback(print, argument)
            with lock:
                signal.raise_signal(SIGNAL)
            stack.pop_all()

    stackscope.register(SIGNAL, file)
    hold(Locked())
    assert "stack.callback(builtins.print, <Locked object at 0x" in text_of(file)


def test_what_a_signal_handler_raises_gets_through(file, monkeypatch):
    class Late(Exception):
        pass

    def too_late(number, frame):
        raise Late

    real = dumps.take_snapshot

    def interrupted(caller, **options):
        signal.raise_signal(signal.SIGINT)
        return real(caller, **options)

    before = signal.signal(signal.SIGINT, too_late)
    try:
        stackscope.register(SIGNAL, file)
        monkeypatch.setattr(dumps, "take_snapshot", interrupted)
        with pytest.raises(Late):
            signal.raise_signal(SIGNAL)
        monkeypatch.undo()
        signal.raise_signal(SIGNAL)
    finally:
        signal.signal(signal.SIGINT, before)
    assert dumps_in(text_of(file)) == (2 if HANDLERS_WAIT else 1)


def test_what_a_signal_handler_raises_in_a_hook_gets_through():
    """An ordinary exception as well: it isn't about what is extracted."""

    class Late(Exception):
        pass

    class Item:
        pass

    def too_late(number, frame):
        raise Late

    @stackscope.unwrap_stackitem.register(Item)
    def unwrap(item):
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, too_late)
    try:
        with pytest.raises(Late):
            stackscope.extract(Item())
    finally:
        signal.signal(signal.SIGINT, before)


def test_something_that_fails(file, monkeypatch):
    stackscope.register(SIGNAL, file)
    monkeypatch.setattr(dumps, "take_snapshot", lambda caller, interrupts: 1 / 0)
    signal.raise_signal(SIGNAL)
    lines = text_of(file).splitlines()
    assert lines[2] == "stackscope could not find out: ZeroDivisionError"


def test_near_the_recursion_limit(file):
    """There is a dump, be it one of an error, and the program goes on."""
    stackscope.register(SIGNAL, file)

    def deep():
        try:
            return deep()
        except RecursionError:
            for _ in range(5):
                pass
            return "deepest"

    def deeper(levels):
        if levels:
            return deeper(levels - 1)
        signal.raise_signal(SIGNAL)
        return "there"

    frames = len(stackscope.extract_since(None))
    for room in (5, 18, 40, 80, 150):
        try:
            assert deeper(sys.getrecursionlimit() - frames - room) == "there"
        except RecursionError:
            assert room == 5
    assert deep() == "deepest"
    assert dumps_in(text_of(file)) >= 4


def test_an_encoding_without_the_lines(tmp_path):
    with open(tmp_path / "dump.txt", "w+", encoding="ascii") as file:
        stackscope.register(SIGNAL, file)
        try:
            signal.raise_signal(SIGNAL)
        finally:
            stackscope.unregister(SIGNAL)
        text = text_of(file)
    assert text.isascii()
    assert ". thread" in text


@UNIX
def test_a_pipe_that_is_full(monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", 0.05)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fill(writer)
    stackscope.register(SIGNAL, writer)
    try:
        signal.raise_signal(SIGNAL)
        os.close(reader)
        signal.raise_signal(SIGNAL)
    finally:
        stackscope.unregister(SIGNAL)
        os.close(writer)


def test_dump_after(file):
    ready, done = threading.Event(), threading.Event()

    def other_thread():
        ready.set()
        done.wait()

    thread = threading.Thread(target=other_thread, daemon=True)
    thread.start()
    ready.wait()
    stackscope.dump_after(0.001, file=file)
    until(lambda: dumps_in(text_of(file)))
    done.set()
    thread.join()
    text = text_of(file)
    assert "is doing after 0.001 s" in text
    assert "other_thread in tests.test_dumps" in text
    assert "test_dump_after in tests.test_dumps" in text
    assert "stackscope.dumps" not in text
    assert dumps_in(text) == 1


def test_dump_after_repeats_until_cancelled(file):
    stackscope.dump_after(0.001, repeat=True, file=file)
    until(lambda: dumps_in(text_of(file)) >= 3)
    stackscope.cancel_dump_after()
    stackscope.cancel_dump_after()
    until(lambda: not watching())


def test_dump_after_anew_and_cancelled(file):
    stackscope.dump_after(1e6, file=file)
    until(watching)
    stackscope.dump_after(0.001, file=file)
    until(lambda: dumps_in(text_of(file)) and not watching())
    assert "after 0.001 s" in text_of(file)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: stackscope.register("SIGUSR1"), TypeError, "must be a signal such as"),
        (lambda f: stackscope.register(True), TypeError, "must be a signal such as"),
        (lambda f: stackscope.register(12345), ValueError, "12345 is not a signal"),
        (lambda f: stackscope.register(0), ValueError, "0 is not a signal"),
        (lambda f: stackscope.register(signal.SIGSEGV), ValueError, "use faulthandler.enable"),
        (lambda f: stackscope.register(SIGNAL, io.StringIO()), ValueError, "no file descriptor"),
        (lambda f: stackscope.register(SIGNAL, "dump.txt"), TypeError, "not 'dump.txt'"),
        (lambda f: stackscope.register(SIGNAL, 54321), ValueError, "54321 isn't an open file"),
        (lambda f: stackscope.register(SIGNAL, -1), ValueError, "-1 isn't an open file"),
        (lambda f: stackscope.unregister(1.0), TypeError, "must be a signal such as"),
        (lambda f: stackscope.dump_after("1"), TypeError, "seconds must be a number, not '1'"),
        (lambda f: stackscope.dump_after(0), ValueError, "more than 0"),
        (lambda f: stackscope.dump_after(float("nan")), ValueError, "more than 0"),
        (lambda f: stackscope.dump_after(1e300), ValueError, "at most"),
        (lambda f: stackscope.dump_after(1, file=io.BytesIO()), ValueError, "no file descriptor"),
    ],
)
def test_bad_arguments(call, error, words):
    before = signal.getsignal(SIGNAL)
    with pytest.raises(error, match=words) as caught:
        call(None)
    assert "\n" not in str(caught.value)
    assert signal.getsignal(SIGNAL) is before
    assert not dumps._registered
    assert dumps._watch is None


@UNIX
def test_a_signal_that_nobody_can_handle():
    with pytest.raises(ValueError, match="SIGKILL can't be handled: choose another signal"):
        stackscope.register(signal.SIGKILL)
    assert not dumps._registered


class Logger:
    """What Celery has in the place of sys.stderr: it has no descriptor."""

    encoding = None

    def write(self, text):
        pass

    def flush(self):
        pass


@pytest.mark.parametrize("stderr", [Logger(), io.StringIO()])
def test_stderr_without_a_descriptor(stderr, monkeypatch, tmp_path):
    """Dumps go to that of the process."""
    with open(tmp_path / "stderr.txt", "w", encoding="utf-8") as real:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(sys, "__stderr__", real)
        stackscope.register(SIGNAL)
        try:
            signal.raise_signal(SIGNAL)
            stackscope.dump_after(0.001)
            until(lambda: dumps_in(text_of(real)) == 2)
            monkeypatch.setattr(sys, "__stderr__", None)
            stackscope.register(SIGNAL)  # to descriptor 2
        finally:
            stackscope.cancel_dump_after()
            stackscope.unregister(SIGNAL)


def test_options(file):
    stackscope.register(SIGNAL, file, stacks=False)
    signal.raise_signal(SIGNAL)
    assert "╠" not in text_of(file)
    stackscope.register(SIGNAL, file, whole=True)
    signal.raise_signal(SIGNAL)
    assert f"test_options in {__name__} at {__file__}:" in text_of(file)
    stackscope.dump_after(0.001, file=file, overview=False)
    until(lambda: dumps_in(text_of(file)) == 3)
    for call in (stackscope.register, stackscope.dump_after):
        with pytest.raises(TypeError, match="wholly is not an option of a dump"):
            call(SIGNAL, file=file, wholly=True)


@UNIX
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="no call in C is told there")
def test_the_call_in_c_that_is_interrupted(file):
    """It goes on afterwards: who waits in it isn't busy."""
    stackscope.register(SIGNAL, file)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), SIGNAL))
    timer.start()
    select.select([], [], [], 0.3)
    timer.join()
    assert re.search(r"^ +\d+ MainThread +in select\.select\(\) ", text_of(file), re.MULTILINE)


def test_a_thread_that_runs_no_python_code():
    """At the end of the process the main thread may run nothing but C code."""
    program = """
    import atexit, stackscope, sys, threading, time
    stackscope.dump_after(0.5)
    atexit.register(time.sleep, 2)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert "├ thread 1 MainThread: runs no Python code\n" in done.stderr
    assert re.search(r"^  1 MainThread +runs no Python code", done.stderr, re.M)


def test_no_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(ValueError, match="sys.stderr is None here: pass an open file"):
        stackscope.register(SIGNAL)


def test_in_another_thread(file):
    stackscope.register(SIGNAL, file)
    caught = []

    def elsewhere():
        for call in (lambda: stackscope.register(SIGNAL), lambda: stackscope.unregister(SIGNAL)):
            try:
                call()
            except RuntimeError as exc:
                caught.append(str(exc))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert [text.partition("(")[0] for text in caught] == ["register", "unregister"]
    assert all("in the main thread" in text for text in caught)
    signal.raise_signal(SIGNAL)
    assert dumps_in(text_of(file)) == 1


# ----------------------------------------------------------------------------- signals from outside


class Program:
    """A part of tests/helpers/dumping.py in its own process, where warnings are errors."""

    def __init__(self, name, *arguments):
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.helpers.dumping", name]
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # a part of a dump may be left, which begins within a character
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        end(self.process)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
        self.process.wait()

    def expect(self, word):
        line = self.process.stdout.readline()
        assert line == f"{word}\n", line + self.process.stderr.read()

    def kill(self, number):
        self.process.send_signal(number)

    def dump(self, number, pid=None):
        """Send it a signal, and read the dump that it writes to stderr then.

        A signal that comes just between two instructions and a system call that waits is seen by
        Python only when that has ended, or by the next signal.
        """
        os.kill(pid or self.process.pid, number)
        while not select.select([self.process.stderr], [], [], 5)[0]:
            os.kill(pid or self.process.pid, number)
        return self.read_dump()

    def read_dump(self):
        lines = []
        while not lines or not lines[-1].startswith("+++ end of"):
            line = self.process.stderr.readline()
            assert line, "".join(lines)
            lines.append(line)
        return "".join(lines)

    def finish(self):
        """Let it go on to its end; gives its exit status and the rest of stderr."""
        _, rest = self.process.communicate("go\n", timeout=60)
        return self.process.returncode, rest


@UNIX
def test_asyncio():
    """Whatever its loop does. The signals of asyncio, which uses the wakeup fd, arrive as well."""
    places = {
        "idle": "asyncio loop in MainThread",
        "busy": "spin in __main__",
        "blocked": "hang in __main__",
    }
    with Program("asyncio") as program:
        for what, place in places.items():
            program.expect(what)
            for _ in range(2):
                if what == "idle":
                    program.kill(signal.SIGUSR2)
                    program.expect("signal of asyncio")
                text = program.dump(signal.SIGUSR1)
                assert "child in __main__" in text
                assert "waiting for Event.wait()" in text
                assert "# lock: Lock" in text
                assert place in text
            program.process.stdin.write("go on\n")
            program.process.stdin.flush()
        assert program.finish() == (0, "")


@UNIX
def test_trio():
    pytest.importorskip("trio", reason="trio isn't installed here")
    with Program("trio") as program:
        program.expect("ready")
        program.kill(signal.SIGUSR2)
        program.expect("signal of trio")
        text = program.dump(signal.SIGUSR1)
        assert "trio run in MainThread" in text
        assert "child in __main__" in text
        assert "# nursery: Nursery" in text
        # trio takes the signal over for a while, and gives it back
        program.kill(signal.SIGUSR2)
        program.expect("signal of trio")
        program.expect("taken over")
        program.kill(signal.SIGUSR1)
        program.expect("other signal of trio")
        assert "trio run in MainThread" in program.dump(signal.SIGUSR1)
        program.kill(signal.SIGUSR2)
        program.expect("signal of trio")
        program.expect("over")
        assert program.finish() == (0, "")


@UNIX
def test_hammered_by_signals(tmp_path):
    """Interrupted in logging, linecache, imports, locks and extractions, again and again."""
    path = tmp_path / "dumps.txt"
    with Program("hammered", str(path)) as program:
        program.expect("ready")
        program.expect("over")
        assert program.finish() == (0, "")
    text = path.read_text(encoding="utf-8")
    assert dumps_in(text) > 20
    assert "could not find that out" not in text.splitlines()


@UNIX
def test_fork_and_last_words():
    """A child process answers signals in its own name, and has no timer. SIGTERM still ends it."""
    with Program("fork") as program:
        program.expect("ready")
        child = int(program.process.stdout.readline())
        text = program.dump(signal.SIGUSR1, child)
        assert f"what process {child} is doing on SIGUSR1" in text
        assert "_Watch.run" not in text
        text = program.dump(signal.SIGTERM, child)
        assert f"what process {child} is doing on SIGTERM" in text
        assert "fork in __main__" in text
        program.expect(f"ended by {signal.SIGTERM:d}")
        assert f"what process {program.process.pid} is doing" in program.dump(signal.SIGUSR1)
        assert "is doing on SIGTERM" in program.dump(signal.SIGTERM)
        assert program.finish() == (-signal.SIGTERM, "")


@UNIX
@pytest.mark.parametrize("flags", [(), ("interrupted",)])
def test_fork_while_other_threads_import(flags):
    """A child process has none of these threads, which hold the locks of modules for ever.

    It's the same if signals come while it does what there is to do after a fork.
    """
    with Program("fork during imports", *flags) as program:
        child = int(program.process.stdout.readline())
        for _ in range(2):
            text = program.dump(signal.SIGUSR1, child)
            assert f"what process {child} is doing on SIGUSR1" in text
            assert "fork_during_imports in __main__" in text
            assert "1 thread:" in text
        os.kill(child, signal.SIGTERM)
        program.expect(f"ended by {signal.SIGTERM:d}")
        status, rest = program.finish()
        assert status == 0
        assert not rest or flags  # SIGTERM may have come in the middle of one more dump


def test_dump_after_and_exit():
    """From a thread of its own, while the main thread hangs in an import and holds its lock."""
    with Program("exit") as program:
        text = program.read_dump()
        assert "hang in __main__" in text
        assert "importlib.import_module(" in text
        _, rest = program.process.communicate(timeout=60)
        assert (program.process.returncode, rest) == (1, "")
