"""Dumps at any moment: during an import, of libraries imported since, while the program ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.helpers.repository import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="sends signals that Windows doesn't have"
)

LIBRARIES = ("asyncio", "trio", "greenlet", "gevent", "anyio", "uvloop", "greenback", "outcome")


def run(program, *arguments, folder=ROOT):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=100,
        universal_newlines=True,
    )
    return done.returncode, done.stdout, done.stderr


RECORD = """
import os, signal, sys
imported = []
is_dumping = False
def record(event, arguments):
    if is_dumping and event == "import":
        imported.append(arguments[0])
if hasattr(sys, "addaudithook"):
    sys.addaudithook(record)
def dump():
    global is_dumping
    before = set(sys.modules)
    is_dumping = True
    signal.raise_signal(signal.SIGUSR1)
    is_dumping = False
    # Our own glue is executed without an import.
    new = {name for name in set(sys.modules) - before if not name.startswith("stackscope.glue.")}
    assert not imported and not new, (imported, new)
"""


IMPORT_EACH = """
import stackscope
from stackscope import glue
stackscope.register(signal.SIGUSR1, open(os.devnull, "w"))
os.chdir(sys.argv[1])
for library in sys.argv[2:]:
    if os.fork():
        os.wait()
        continue
    with open(f"{library}.err", "w") as file:
        os.dup2(file.fileno(), 2)
    stackscope.register(signal.SIGUSR1, open(f"{library}.dump", "w"))
    try:
        __import__(library)
    except ImportError:
        print("it is not there", file=sys.stderr)
    else:
        dump()
        dump()
        unknown = [name for name in sys.modules if name in glue.BUILT_IN
                   and name not in glue._dealt_with]
        assert not unknown, unknown
    stackscope.unregister(signal.SIGUSR1)
    sys.exit()
"""


@pytest.fixture(scope="module")
def imported_since(tmp_path_factory):
    """What forks have written in which one library was imported and two dumps were asked for."""
    folder = tmp_path_factory.mktemp("imported")
    status, _, error = run(RECORD + IMPORT_EACH, str(folder), *LIBRARIES)
    assert status == 0, error
    return folder


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_was_imported_since(library, imported_since):
    """Nothing is imported, and all that is known about it is used."""
    error = (imported_since / f"{library}.err").read_text()
    if error == "it is not there\n":
        pytest.skip(f"has no {library}")
    assert error == ""
    assert (imported_since / f"{library}.dump").read_text().count("+++ end of") == 2


def test_tasks_of_asyncio_that_was_imported_since(tmp_path):
    program = RECORD + textwrap.dedent(
        """
        import stackscope
        stackscope.register(signal.SIGUSR1, open(sys.argv[1], "w"))
        import asyncio
        async def main():
            lock = asyncio.Lock()
            async with lock:
                task = asyncio.ensure_future(lock.acquire())
                await asyncio.sleep(0)
                dump()
        asyncio.run(main())
        """
    )
    status, _, error = run(program, str(tmp_path / "dump.txt"))
    assert status == 0, error
    text = (tmp_path / "dump.txt").read_text()
    assert "waiting for Lock.acquire(): 1 waiter, held by task 1 (Task-1)" in text
    assert "  # lock: Lock" in text


def test_code_with_and_without_with():
    """What reads frames is there, also if there was no block to read when it was registered."""
    program = RECORD + textwrap.dedent(
        """
        import stackscope
        stackscope.register(signal.SIGUSR1, open(os.devnull, "w"))
        import threading
        def work():
            with threading.Lock():
                dump()
        work()
        try:
            1 / 0
        except ZeroDivisionError:
            dump()
        """
    )
    status, _, error = run(program)
    assert status == 0, error


NOT_FOR_DUMPS = (
    *("comparing.py", "difference.py", "folders.py", "graphs.py", "html.py"),
    *("html_drawing.py", "html_writing.py", "json_reading.py"),
    *("json_writing.py", "locks.py", "matching.py", "page.py", "schema.py"),
)
"""The modules of what no dump writes."""


def test_late_imports_are_made_beforehand():
    """Whatever a function of ours imports when it is called is there after `register`."""
    program = f"""
    import ast, os, re, signal, sys
    import stackscope
    stackscope.register(signal.SIGUSR1, open(os.devnull, "w"))
    folder = os.path.dirname(stackscope.__file__)
    for part in ("extraction", "interpreter", "model", "render", "safe", "snapshot"):
        for place, _, names in os.walk(os.path.join(folder, part)):
            for name in names:
                if name.endswith(".py") and name not in {NOT_FOR_DUMPS!r}:
                    with open(os.path.join(place, name), encoding="utf-8") as file:
                        text = file.read()
                    # Those above are for type checkers.
                    if not re.search("^(def|class)[^\\0]*^ +(from|import) ", text, re.MULTILINE):
                        continue
                    for function in ast.walk(ast.parse(text)):
                        if isinstance(function, ast.FunctionDef):
                            for node in ast.walk(function):
                                if isinstance(node, ast.ImportFrom):
                                    print(name, node.module)
                                elif isinstance(node, ast.Import):
                                    print(name, node.names[0].name)
    print(sorted(sys.modules))
    """
    status, output, error = run(program)
    assert status == 0, error
    *lines, loaded = output.splitlines()
    of_others = {"ctypes", "dataclasses", "exceptiongroup", "importlib", "nt", "pypy", "blockstack"}
    missing = [
        line
        for line in lines
        if f"'{line.split()[1]}'" not in loaded
        and f"{line.rpartition('.')[2]}.py" not in NOT_FOR_DUMPS
        and not any(line.split()[1].rpartition(".")[2].startswith(name) for name in of_others)
        and line.split()[1].rpartition(".")[2]
        not in ("exceptiontable", "interpreterframe", "freethreaded", "pypyframe", "stdlib")
    ]
    assert missing == []


def test_during_an_import():
    """The program's own import goes well, wherever in it the signal comes."""
    program = """
    import os, signal, sys
    import stackscope
    stackscope.register(signal.SIGUSR1, open(os.devnull, "w"))
    lines = 0
    def tracer(frame, event, arg):
        global lines
        if "importlib" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        if event == "line" and lines % 400 == 0:
            sys.settrace(None)
            signal.raise_signal(signal.SIGUSR1)
            sys.settrace(tracer)
        return tracer
    for name in ("asyncio", "decimal", "email.message", "json.tool"):
        sys.settrace(tracer)
        __import__(name)
        sys.settrace(None)
    print(lines > 1000)
    """
    status, output, error = run(program)
    assert (status, output) == (0, "True\n"), error


PAUSE = 0.001
"""Seconds between signals. Without one, a process may do nothing but take the next signal."""


@pytest.mark.parametrize(
    "way",
    ["ends", "sys.exit(3)", "raise ValueError", "os._exit(4)", "fork", "unregister", "two"],
)
def test_signals_until_the_very_end(way):
    """They come from outside all the time while the process ends, and change nothing."""
    program = f"""
    import atexit, os, signal, stackscope, sys, time
    way = {way!r}
    with open(os.devnull, "w") as file:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            stackscope.register(number, file)
    if way == "unregister":
        stackscope.unregister(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    class Node:
        pass
    nodes = [Node() for _ in range(30_000)]
    for one, other in zip(nodes, nodes[1:]):
        one.next, other.previous = other, one
    if way == "fork":
        child = os.fork()
        if child:
            while True:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    print("ready", flush=True)
                    os._exit(status and 9)
                os.kill(child, signal.SIGUSR1)
                time.sleep({PAUSE})
        sys.exit()
    atexit.register(lambda: print("ready", flush=True))
    if way == "two":
        atexit.register(os.kill, os.getpid(), signal.SIGUSR2)
    if way == "os._exit(4)":
        print("ready", flush=True)
    exec(way) if "(" in way or " " in way else None
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.stdout.readline()
        while process.poll() is None:
            os.kill(process.pid, signal.SIGUSR1)
            time.sleep(PAUSE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its child as well
        process.stdout.close()
        process.wait()
    expected = {"sys.exit(3)": 3, "raise ValueError": 1, "os._exit(4)": 4}
    assert process.returncode == expected.get(way, 0)


def test_a_handler_that_was_set_later_is_left_alone_at_the_end():
    program = """
    import atexit, os, signal, stackscope
    atexit.register(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    stackscope.register(signal.SIGUSR1, open(os.devnull, "w"))
    signal.signal(signal.SIGUSR1, lambda *args: print("theirs"))
    """
    assert run(program)[:2] == (0, "theirs\n")


def test_a_chained_signal_still_ends_the_process_at_the_end():
    program = """
    import atexit, os, signal, stackscope
    atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))
    stackscope.register(signal.SIGTERM, open(os.devnull, "w"), chain=True)
    """
    assert run(program)[0] == -signal.SIGTERM
