"""``%stackscope`` as a person sees it in a terminal."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest

pytest.importorskip("IPython")
if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)
pytest.importorskip("pexpect")
pytest.importorskip("pyte")

from tests.helpers.rows import IN_TURN
from tests.helpers.terminals import end
from tests.ipython.test_ipython_debugger import Shell
from tests.terminal.conftest import Terminal

APP = textwrap.dedent(
    """
    import asyncio, threading, time
    from contextlib import contextmanager
    try:
        ExceptionGroup
    except NameError:
        from exceptiongroup import ExceptionGroup

    @contextmanager
    def lease(name):
        yield name

    crews = []

    class Crew:
        def __init__(self):
            crews.append(self)
            self.gate = threading.Event()
            self.lock = threading.Lock()

        def holds(self):
            with self.lock:
                self.gate.wait()

        def waits(self):
            with self.lock:
                pass

        def start(self):
            self.threads = [threading.Thread(target=self.holds, name="holder", daemon=True)]
            self.threads.append(threading.Thread(target=self.waits, name="waiter", daemon=True))
            self.threads[0].start()
            while not self.lock.locked():
                pass
            self.threads[1].start()

    def end_crews():
        while crews:
            crew = crews.pop()
            crew.gate.set()
            for thread in crew.threads:
                thread.join()

    async def naps():
        with lease("a-lease") as leased:
            await asyncio.sleep(1000)

    def fails():
        with lease("of-one") as leased:
            raise ValueError("one")

    def together():
        try:
            fails()
        except ValueError as exc:
            with lease("of-all") as leased:
                raise ExceptionGroup("all", [exc])

    def begins():
        threading.Timer(0.2, print, ["be" + "gun"]).start()  # while this waits, so not before
        threading.Event().wait(100)
    """
)


PROMPT = re.compile(r"\nIn \[(\d+)\]:$")


def started(folder):
    (folder / "app.py").write_text(APP, encoding="utf-8")
    arguments = ["-W", "ignore", "-m", "IPython", "--no-banner", "--no-confirm-exit"]
    # Or else what was typed in another test is drawn behind what is typed.
    arguments += ["--TerminalInteractiveShell.autosuggestions_provider=None"]
    environ = {"IPYTHONDIR": str(folder), "PROMPT_TOOLKIT_NO_CPR": "1"}
    session = Shell(Terminal(arguments, folder, **environ)).start()
    session.run("from app import *")
    return session


@pytest.fixture
def own_shell(tmp_path):
    """An IPython for one test alone, which leaves tasks or unloads the extension."""
    session = started(tmp_path)
    yield session
    end(session.child)


@pytest.fixture(scope="module")
def shells():
    """The IPython for all other tests, if it is running."""
    running = []
    yield running
    for one in running:
        end(one.child)


@pytest.fixture
def shell(shells, tmp_path_factory):
    """An IPython without a crew."""
    if not shells:
        shells.append(started(tmp_path_factory.mktemp("shell")))
    [session] = shells
    yield session
    if PROMPT.search(session.text):
        session.run("end_crews()")
    else:  # the test has failed, and nobody knows where
        end(shells.pop().child)


def interrupted(session, line, mark):
    """What is shown once a cell has been interrupted after it had shown a mark."""
    session.run(line, lambda text: mark in text)
    session.child.sendintr()
    text = session.wait(lambda text: PROMPT.search(text))
    session.cell = int(PROMPT.search(text).group(1))  # 8.12 doesn't count a cell that awaited
    return text


def test_overview_stacks_and_values(shell):
    shell.run("crew = Crew(); crew.start()")
    text = shell.run("%stackscope")
    assert "held by" in next(line for line in text.splitlines() if "waiter" in line)
    assert "IPython's own: " in text
    assert "Out[" not in text
    text = shell.run("thread = [t for t in threading.enumerate() if t.name == 'holder'][0]")
    text = shell.run("%stackscope thread")
    assert "Crew.holds in app at app.py:23" in text
    assert "with self.lock:" in text
    assert text.count("Crew.holds in app") == 1
    assert "Crew.holds" not in shell.run("x = %stackscope thread")
    assert "Crew.holds in app" in shell.run("[x, x]")
    assert "Frame(" not in shell.run("list(x)")
    assert "No task is alive" in shell.run("%stackscope nowhere")


def test_the_last_traceback_and_the_debugger_after_a_group(shell):
    shell.run("together()")
    text = shell.run("%stackscope --last")
    assert "together in app at app.py:57" in text
    assert '"of-all"' in text
    assert "past" in text
    assert '"of-one"' in text
    shell.run("%debug", "ipdb>")
    listed = shell.ask("exceptions")

    def number(name):
        (line,) = (one for one in listed.splitlines() if f" {name}" in one)
        return line.strip("> ").split()[0]

    assert 'raise ExceptionGroup("all"' in shell.ask(f"exceptions {number('ExceptionGroup')}")
    assert 'with lease("of-all") as leased:' in shell.ask("where --contexts")
    assert 'with lease("of-all") as leased:' in shell.ask("ctx")
    assert 'raise ValueError("one")' in shell.ask(f"exceptions {number('ValueError')}")
    assert 'with lease("of-one") as leased:' in shell.ask("ctx")
    shell.cell += 1
    shell.run("q", lambda text: text.endswith(f"In [{shell.cell}]:"))


def test_an_interrupted_cell(own_shell):
    interrupted(own_shell, "begins()", "begun")
    assert "begins in app at app.py:61" in own_shell.run("%stackscope --last")
    # The task of an async cell stands still after Ctrl-C.
    line = "threading.Timer(0.2, print, ['be' 'gun']).start(); await naps()"
    interrupted(own_shell, line, "begun")
    text = own_shell.run("%stackscope --last")
    assert "naps in app at app.py:46" in text
    assert 'with lease("a-lease") as leased:' in text


def test_a_guarded_cell(shell):
    shell.child.send("%%stackscope --after 0.3 --every 100\r")
    shell.wait(lambda text: text.endswith("...:"))
    shell.child.send("begins()\r")
    shell.wait(lambda text: text.count("...:") == 2)
    shell.child.send("\r\r")
    text = shell.wait(lambda text: "The cell has been running for" in text and "└" in text)
    shell.clear()
    shell.child.sendintr()
    shell.cell += 1
    text = shell.wait(lambda text: text.endswith(f"In [{shell.cell}]:"))
    assert "The cell was interrupted here:" in text
    assert "begins in app at app.py:61" in text
    assert "stackscope_ipython" not in text
    assert "2" in shell.run("1 + 1")


def test_a_watch_updates_in_place_until_it_is_interrupted(shell):
    shell.run("crew = Crew(); crew.start()")
    shell.run("%stackscope --watch 0.2", lambda text: "no change" in text)
    text = shell.wait(lambda text: "Ctrl-C ends this." in text)
    assert text.count("Seen at") == 1
    assert text.count("holder") == 1
    shell.child.sendintr()
    shell.cell += 1
    text = shell.wait(lambda text: text.endswith(f"In [{shell.cell}]:"))
    assert "Ended." in text
    assert "Traceback" not in text
    # What changes is marked.
    shell.run("threading.Timer(1.5, crew.gate.set).start()")
    shell.run("%stackscope --watch 0.2", lambda text: "gone: " in text)
    shell.child.sendintr()
    shell.cell += 1
    shell.wait(lambda text: text.endswith(f"In [{shell.cell}]:"))


def test_completion(own_shell):
    own_shell.clear()
    own_shell.child.send("%stackscope --no-\t")
    own_shell.wait(lambda text: text.endswith("%stackscope --no-contexts"))
    own_shell.child.send("\x15%%stackscope --af\t")
    own_shell.wait(lambda text: text.endswith("%%stackscope --after"))
    own_shell.child.send("\x15%stackscope toge\t")
    own_shell.wait(lambda text: text.endswith("%stackscope together"))
    own_shell.child.send("\x15")
    own_shell.wait(lambda text: "together" not in text)  # or else that may be drawn later
    own_shell.run("%unload_ext stackscope_ipython")
    assert "not found" in own_shell.run("%stackscope")


def test_help(shell):
    text = shell.run("%stackscope --help")
    assert "-o, --out NAME" in text
    assert "Show this help." in text


@IN_TURN
def test_a_look_at_very_many_tasks_tells_how_far_it_has_come_and_can_be_ended(shell):
    shell.run("from tests.helpers.looks import wait_for_user; undo = wait_for_user()")
    shell.run("loop = asyncio.new_event_loop()")
    shell.run("tasks = [loop.create_task(asyncio.sleep(1000)) for _ in range(200)]")
    shell.run("loop.call_soon(loop.stop); loop.run_forever()")
    shell.run("%stackscope", lambda text: "Looking at all tasks: " in text)
    shell.child.sendintr()
    shell.cell += 1
    text = shell.wait(lambda text: text.endswith(f"In [{shell.cell}]:"))
    assert "Incomplete: Ctrl-C has ended the search after" in text
    assert "Looking at all tasks" not in text
    assert "Traceback" not in text
    shell.run("undo(); [task.cancel() for task in tasks]")
    shell.run("loop.call_soon(loop.stop); loop.run_forever()")
