"""One session through all commands and all refusals, with each kind of prompt."""

from __future__ import annotations

import ast
import sys
import textwrap
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

import stackscope_pdb.commands
from stackscope_pdb.commands import registry
from tests.helpers.rows import IN_TURN
from tests.terminal.conftest import ESCAPES, Terminal

PROGRAM = textwrap.dedent(
    """
    import asyncio, threading
    from contextlib import asynccontextmanager

    from stackscope import extract_all

    opened, far_loop, log = threading.Event(), [], []

    @asynccontextmanager
    async def lease(name):
        lock = asyncio.Lock()
        async with lock:
            yield name

    async def client(number, gate):
        secret = number * 11
        async with lease(number):
            await gate.wait()
        return secret

    async def pooled(gate):
        await gate.wait()

    async def nested(gate):
        await pooled(gate)
        return "nested"

    def work():
        note = "as it was"
        opened.wait()
        log.append(note)

    async def far():
        far_loop.append((asyncio.get_event_loop(), asyncio.Event()))
        asyncio.current_task().set_name("far")
        await far_loop[0][1].wait()

    def values():
        yield 1
        yield 2

    async def main():
        asyncio.current_task().set_name("main")
        extract_all()  # the tasks that are there have numbers now
        gate, loop = asyncio.Event(), asyncio.get_event_loop()
        clients = [loop.create_task(client(n, gate)) for n in range(3)]
        for n, task in enumerate(clients):
            task.set_name("client-%d" % n)
        others = [loop.create_task(pooled(gate)) for n in range(6)]
        others += [loop.create_task(nested(gate)) for n in range(2)]
        for n, task in enumerate(others):
            task.set_name("pool-%d" % n if n < 6 else "nested" if n == 6 else "1")
        generator, finished, undriven = values(), values(), nested(gate)
        next(generator), list(finished)
        try:
            1 / 0
        except ZeroDivisionError as exc:
            failure = exc
        await asyncio.sleep(0.01)
        breakpoint()
        gate.set()
        print("secrets", await asyncio.gather(*clients))
        await asyncio.gather(*others)
        undriven.close()

    extract_all()
    threads = [threading.Thread(target=work, name=name) for name in ("a-worker", "1")]
    threads.append(threading.Thread(target=lambda: asyncio.run(far()), name="far-away"))
    for thread in threads:
        thread.start()
    while not far_loop:
        pass
    asyncio.run(main())
    opened.set()
    far_loop[0][0].call_soon_threadsafe(far_loop[0][1].set)
    for thread in threads:
        thread.join()
    breakpoint()
    try:
        raise ValueError("the last one") from KeyError("never raised")
    except ValueError as exc:
        import stackscope_pdb

        stackscope_pdb.post_mortem(exc)
    print("end")
    """
)

STEPS = [
    # What is typed; what is answered, among other things; what the prompt names then, if that is
    # new.
    ("where", "main in __main__ at app.py"),
    ("where --hidden", "run_forever"),
    ("w -c", "main in __main__ at app.py"),
    ("bt 1", "main in __main__"),
    ("where --all", "There is no option --all here. There are: --contexts, -c, --hidden."),
    ("where x", "'x' is not a number of frames."),
    ("where 1 2", "One number of frames is enough: '1 2' is more."),
    ("up", "<module>()"),
    ("up", "*** Oldest frame"),
    ("skip", "Code of libraries is passed over."),
    ("skip maybe", "'maybe' is neither 'on' nor 'off'."),
    ("u", "*** Oldest frame"),
    ("down", "main()"),
    ("d", "*** Newest frame"),
    ("frame 0", "<module>()"),
    ("frame -1", "main()"),
    ("frame", "main()"),
    ("frame 99", "There is no frame 99. The numbers go from 0 to"),
    ("frame x", "'x' is not the number of a frame."),
    ("ctx", "No context manager is active in main."),
    ("ctx 1", "There is no context 1: none is active in this frame."),
    ("catch", "No exception is caught."),
    ("tasks", "asyncio loop in MainThread, stopped: 12 tasks"),
    ("tasks", "6 × pool-0 … pool-5"),
    ("tasks", ", running (seen at "),
    ("tasks client-2", "waiting: Event.wait()"),
    ("tasks nobody", "Nothing matches 'nobody'. 'tasks' shows all 13"),
    ("task", "Which task?"),
    ("task 1", "1 is the number of task 1 ("),
    ("task 99", "No living task has the number 99."),
    ("task nobody", "No task is called 'nobody'. There are: "),
    ("task client", "3 tasks fit 'client'"),
    ("task main", "(main) itself."),
    ("unfocus", "Nothing is focused: this is where the program stopped."),
    ("unfocus now", "'unfocus' takes no argument: 'now' is one."),
    ("catch KeyError, not.known.yet", "Stops where not.known.yet is raised, which isn't known"),
    ("catch", "KeyError, not.known.yet"),
    ("catch extract_all", "extract_all isn't an exception class."),
    ("catch 1 + 1", "'1' isn't the name of an exception."),
    ("catch off Nothing", "'catch' isn't waiting for Nothing; without arguments, it lists all."),
    ("catch off", ""),
    ("watch gate", "Stops when gate changes in main:"),
    ("watch 1 +", "'1 +' is no expression:"),
    ("watch off clients", "'watch' isn't watching clients; without arguments, it lists all."),
    ("watch off", ""),
    ("watch", "Nothing is watched."),
    # in a task
    ("task client-2", "-> await gate.wait()", "client-2"),
    ("where", "(client-2), which is suspended:"),
    ("where --contexts", "async with lease(number):"),
    ("p secret", "22"),
    ("pp secret", "22"),
    ("args", "number = 2"),
    ("display secret", "display secret: 22"),
    ("undisplay secret", ""),
    ("list", "->"),
    ("ll", "async def client(number, gate):"),
    ("secret = 5", ""),
    ("step", "'step' can't run task"),
    ("s", "only its event loop can resume it. 'next' stops when it comes to its next line."),
    ("return", "'return' can't run task"),
    ("r", "Use 'unfocus' to step where the program stopped."),
    ("until", "'until' can't run task"),
    ("unt", "'until' can't run task"),
    ("jump 20", "'jump' can't run task"),
    ("j 20", "'jump' can't run task"),
    ("sticky", "async def client(number, gate):"),
    ("ctx", "1 async with lease(number):"),
    ("ctx 7", "There is no context 7 in this frame. There are: 1"),
    ("ctx 1", "async def lease(name):", "ctx 1"),
    ("sticky off", "Stops show one line again."),
    ("sticky some", "'some' is not 'on', 'off' or a number of lines."),
    ("ctx 1", "There is nothing to move into: context 1, 'async with lock', is neither"),
    ("next", "it is suspended until its 'with' block ends."),
    ("unfocus", "main()", ""),
    ("task far", "-> await far_loop[0][1].wait()", "far"),
    ("next", "its event loop runs in another thread, which goes on."),
    # in a thread
    ("threads", "MainThread stopped main:"),
    ("threads a-wor", "opened.wait()"),
    ("threads nobody", "Nothing matches 'nobody'. 'threads' shows all"),
    ("thread", "Which thread?"),
    ("thread nobody", "No thread is called 'nobody'. There are:"),
    ("thread 99", "No living thread has the number 99."),
    ("thread a", "threads fit 'a'"),
    ("thread 1", "1 is the number of thread 1 (MainThread) and the name of thread"),
    ("thread MainThread", "The program stopped in thread 1 (MainThread) itself.", ""),
    ("thread a-worker", "-> opened.wait()", "a-worker"),
    ("p note", "'as it was'"),
    ("watch note", "Only frames of the thread that stopped can be watched. 'unfocus' goes there."),
    ("note = 'changed'", ""),
    ("where", "which goes on meanwhile:"),
    ("next", "it goes on at its own pace, and only the thread that stopped can be stepped."),
    ("!opened.set()", ""),
    ("!threads[0].join()", ""),
    ("'changed' in log", "True"),
    ("note = 'too late'", "is no longer in this frame, so nothing was assigned."),
    ("unfocus", "main()", ""),
    # in whatever an expression gives
    ("stack", "The stack of what?"),
    ("stack nothing", "NameError: name 'nothing' is not defined"),
    ("stack 3", "'3', which is of type int, has no stack."),
    ("stack finished", "has no frames: it has ended, or not begun."),
    ("stack generator", "-> yield 1", "generator"),
    ("next", "it is suspended, and no task drives it. Use 'unfocus'"),
    ("step", "or 'break' to stop here next time and 'continue'."),
    ("unfocus", "main()", ""),
    ("stack failure", "-> 1 / 0", "failure"),
    ("ctx", "main has ended: no context manager is active in it any more."),
    ("next", "an exception has ended it."),
    ("unfocus", "main()", ""),
    # what is stuck
    ("why nobody", "No task is called 'nobody'. There are: "),
    ("why client-2", "waits for Event.wait()"),
    ("why", "Nothing is stuck"),
    ("locks", "Event"),
    ("locks all", "'locks' takes no argument: 'all' is one."),
    # about objects, and the editor
    ("about", "What do you want to know about?"),
    ("about values", "Signature: values()"),
    ("values??", "yield 2"),
    ("track", "Track what?"),
    ("track gate", "variable gate of main at"),
    ("edit", ""),
    ("edit app.py:3", ""),
    ("edit nowhere.py", "There is no file 'nowhere.py'."),
    ("edit app.py:2", "ended with status 3."),
    ("!import os; os.environ['VISUAL'] = '/nowhere'", ""),
    ("edit", "'/nowhere' can't be started: No such file or directory. Set $EDITOR."),
    # variables named like commands
    ("tasks = 3", ""),
    ("tasks + 1", "4"),
    ("tasks", "asyncio loop in MainThread"),
    ("!tasks", "3"),
    ("help tasks", "More than five tasks with the same stack become one row."),
    ("help stackscope", "Commands beyond those of pdb"),
    ("exceptions", "No exception is looked at here."),
    # a focused task runs on
    ("task nested", "-> await gate.wait()", "nested"),
    ("up", "-> await pooled(gate)"),
    ("next", '-> return "nested"', ""),
    ("task client-2", "", None),  # it has ended meanwhile, or not
    ("unfocus", "", ""),
    ("continue", "secrets [0, 11, 5]"),
    ("tasks", "No task is alive in this process."),
    ("task 1", "No task is alive in this process."),
    # after an exception
    ("continue", "app.py("),
    ("exceptions", "KeyError('never raised')"),
    ("exceptions 7", "There is no exception 7."),
    ("exceptions 0", "has no frames: it has never been raised."),
]

NOT_IN_ONE_SESSION = {
    "There is no terminal here to edit in: the line is": "tests/pdb/commands/test_edit.py",
    "That task has ended.": "it would have to end between two commands",
    "There are no frames.": "a traceback has some, and so has a program that stopped",
    "There are no frames of": "of tasks and threads in the middle of their start",
    "failed, which is a bug in stackscope:": "tests/pdb/debugger/test_afterwards.py makes one",
    "stayed as before: this version of Python can't assign to that variable in this way.": (
        "3.11 and 3.12 only: tests/pdb/program/test_assignments.py"
    ),
    "can't be read:": "of objects whose hooks fail",
    "'catch' needs a running program, and this one has ended.": (
        "tests/pdb/commands/test_watching.py"
    ),
    "'watch' needs a frame that still runs, and this one has ended.": (
        "tests/pdb/commands/test_watching.py"
    ),
    "the program isn't running any more.": "tests of post-mortem debugging",
    "failed:": "of objects whose methods fail",
    "So what is stuck isn't known.": "tests/pdb/program/test_patience.py",
    "None of them has the number": "tests/pdb/program/test_patience.py",
    "it has ended.": "it would have to end between two commands",
}


class WithPromptToolkit(Terminal):
    """As `Terminal`, where prompt_toolkit draws the prompt. It says when it begins and ends."""

    BEGIN, END = "\x1b[?2004h", "\x1b[?2004l"

    def expect_prompt(self, name=""):
        self.child.expect_exact(f"(stackscope_pdb {name})" if name else "(stackscope_pdb)")
        return self.child.before

    def ask(self, line, name=""):
        self.child.send(line + "\r")
        self.child.expect_exact(self.END)
        self.child.expect_exact(self.BEGIN)
        answer = ESCAPES.sub("", self.child.before).replace("\r", "")
        self.expect_prompt(name)
        return answer


@pytest.fixture(params=["readline", pytest.param("prompt_toolkit", marks=IN_TURN)])
def session(request, tmp_path):
    if request.param == "prompt_toolkit":
        pytest.importorskip("prompt_toolkit")
    kind = Terminal if request.param == "readline" else WithPromptToolkit
    (tmp_path / "app.py").write_text(PROGRAM, encoding="utf-8")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nif [ "$1" = +2 ]; then exit 3; fi\n[ -t 0 ] && [ -t 1 ]\n')
    editor.chmod(0o755)
    opened = kind(
        ["app.py"],
        tmp_path,
        STACKSCOPE_PDB_PROMPT=request.param,
        PYTHONBREAKPOINT="stackscope_pdb.set_trace",
        XDG_STATE_HOME=str(tmp_path),
        PYTHONIOENCODING="utf-8",
        NO_COLOR="1",
        EDITOR=str(editor),
        VISUAL="",
    )
    opened.child.delaybeforesend = None  # each line is typed at a prompt that is there
    yield opened
    opened.close()


def test_all_commands_and_refusals(session):
    said = session.expect_prompt()
    focus = ""
    wrong = []
    for line, wanted, *prompt in STEPS:
        focus = prompt[0] if prompt else focus
        answer = " ".join(session.ask(line, focus).split())
        if wanted not in answer:
            wrong.append(f"{line!r} was answered by: {answer}")
        said += answer + "\n"
    assert wrong == []
    missing = [words for words in refusals() if words not in said]
    assert missing == []


def test_the_steps_have_all_commands():
    typed = {line.split()[0] for line, *_ in STEPS}
    assert {name for entry in registry.commands() for name in entry.names} <= typed


def refusals():
    """What is fixed in each sentence by which a command refuses."""
    folder = Path(stackscope_pdb.commands.__file__).parent
    for path in folder.glob("*.py"):
        for sentence in _sentences(ast.parse(path.read_text(encoding="utf-8"))):
            if sentence not in NOT_IN_ONE_SESSION:
                yield sentence


def _sentences(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("CommandError", "refuse") and node.args:
                yield from _longest(node.args[0])
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("_why"):
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    yield from _longest(part.value)


def _longest(node):
    constants = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    longest = max([part for part in constants if isinstance(part, str)], key=len, default="")
    if len(longest) > 8:
        yield longest.strip()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="nothing is asked before")
def test_the_end_of_input_can_be_taken_back(terminal):
    process = terminal("breakpoint()\n", "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    process.child.sendeof()
    process.child.expect_exact("[y/n] ")
    assert "End of input" not in process.ask("n")
    process.child.sendeof()
    process.child.expect_exact("[y/n] ")
    assert process.finish("y") == "End of input: the program ends here.\n"
    assert process.child.exitstatus == 1
