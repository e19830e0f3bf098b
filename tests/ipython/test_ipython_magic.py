"""``%stackscope`` in a real IPython, and in a real terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT

pytest.importorskip("IPython")


COMMAND = [sys.executable, "-W", "ignore", "-m", "IPython", "--no-banner", "--quick"]
COMMAND += ["--simple-prompt", "--colors=NoColor"]


def process(folder):
    """A new IPython in a folder, which reads lines."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS")
    }
    environ.update(PYTHONPATH=str(ROOT), IPYTHONDIR=str(folder))
    return subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=str(folder),
        env=environ,
        encoding="utf-8",
    )


@pytest.fixture
def ipython(tmp_path):
    """Runs lines in a new IPython, and gives what it printed."""

    def run(*lines):
        with process(tmp_path) as shell:
            out, _ = shell.communicate("".join(f"{line}\n" for line in [*lines, "exit"]), 100)
        return out.replace("\r", "")

    return run


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """As `ipython`, but all tests use the same one. They leave only variables."""
    with process(tmp_path_factory.mktemp("shared")) as shell:

        def run(*lines):
            lines = [*lines, "%reset -f", "print('the end of', 'these lines')"]
            shell.stdin.write("".join(f"{line}\n" for line in lines))
            shell.stdin.flush()
            read = []
            for line in shell.stdout:
                if line.endswith("the end of these lines\n"):
                    break
                read.append(line)
            return "".join(read).replace("\r", "")

        yield run
        shell.communicate("exit\n", 100)


LOAD = "%load_ext stackscope_ipython"


def test_stack_of_an_object(shared):
    out = shared(
        LOAD,
        "from contextlib import contextmanager",
        "@contextmanager",
        "def manager():",
        "    yield 1",
        "",
        "def generator():",
        "    with manager() as one:",
        "        yield one",
        "",
        "g = generator()",
        "next(g)",
        "%stackscope g",
        'd = {"the key": g}',
        'print("again")',
        '%stackscope d["the key"]',
        "%stackscope --no-contexts g",
    )
    first, _, rest = out.partition("again")
    assert "╠ generator in __main__ at " in first
    assert "with manager() as one:  # one: _GeneratorContextManager" in first
    assert "╠ generator in __main__ at " in rest
    assert rest.count("with manager() as one:") == 1
    assert "\x1b" not in out


def test_tasks_and_threads_without_an_expression(shared):
    out = shared(
        LOAD,
        "import asyncio, threading",
        "async def sleeper(lock):",
        "    async with lock: await asyncio.sleep(100)",
        "",
        "async def main():",
        "    lock = asyncio.Lock()",
        "    tasks = [asyncio.ensure_future(sleeper(lock)) for _ in range(2)]",
        "    await asyncio.sleep(0.01)",
        "    get_ipython().run_line_magic('stackscope', '')",
        "    for task in tasks: task.cancel()",
        "",
        "event = threading.Event()",
        "def work(): event.wait()",
        "",
        "thread = threading.Thread(target=work, name='a-worker')",
        "thread.start()",
        "asyncio.run(main())",
        "event.set()",
        "thread.join()",
    )
    assert "asyncio loop in MainThread, stopped: 3 tasks" in out
    assert "waiting: asyncio.sleep()" in out
    assert "a-worker" in out
    assert "work:" in out
    assert "main:" in out
    assert "held by" in out


def test_what_can_not_be_shown_ends_in_a_sentence(shared):
    out = shared(
        LOAD,
        "%stackscope nowhere",
        "%stackscope 17",
        "%stackscope 1 +",
        "%stackscope --bogus",
        "g = (i for i in ())",
        "list(g)",
        "%stackscope g",
        "print('still here')",
    )
    assert "UsageError: NameError: name 'nowhere' is not defined" in out
    assert "An int has no stack: 17" in out
    assert "UsageError: SyntaxError: " in out
    assert "There is no option --bogus. There are: --all, " in out
    assert "Nothing runs in <generator object " in out
    assert "Traceback" not in out
    assert "still here" in out


def test_nothing_to_show(shared):
    assert "No task is alive in this process." in shared(LOAD, "%stackscope")


def test_help_and_loading_twice(shared):
    out = shared(
        LOAD,
        "%reload_ext stackscope_ipython",
        LOAD,
        "print(get_ipython().find_line_magic('stackscope').__doc__)",
    )
    assert "--no-contexts" in out
    assert "Show what the program is doing." in out
    assert "--watch [SECONDS]" in out


STATE = (
    "(sorted(m.magics['line']), sorted(m.registry),"
    " vars(tb).get('_debugger_cls', tb.debugger_cls), tb.pdb,"
    " sys.breakpointhook, sorted(m.magics['cell']), list(ip.Completer.custom_matchers),"
    " list(ip.input_transformers_cleanup), list(ip.ast_transformers),"
    " list(ip.events.callbacks['post_run_cell']))"
)


def test_unloading_undoes_loading(ipython):
    out = ipython(
        "import sys; ip = get_ipython(); m = ip.magics_manager; tb = ip.InteractiveTB",
        LOAD,
        "%unload_ext stackscope_ipython",
        f"before = {STATE}",
        LOAD,
        "%reload_ext stackscope_ipython",
        f"print('loaded', [a == b for a, b in zip(before, {STATE})])",
        "%unload_ext stackscope_ipython",
        f"print('unloaded', before == {STATE})",
        "%stackscope",
        LOAD,
        "%stackscope",
        "print(sorted(ip.complete('--h', '%stackscope --h')[1]))",
    )
    # tb.pdb is made when it is used
    assert "loaded [False, False, False, True, False, False, False, False, False, True]\n" in out
    assert "unloaded True\n" in out
    assert "`%stackscope` not found" in out
    assert "No task is alive in this process." in out
    assert "['--help', '--hidden', '--html']\n" in out


def test_every_kind_of_span_has_a_color_of_the_theme_or_is_plain():
    from stackscope.render.style import STYLES
    from stackscope_ipython.theme import TOKENS

    assert set(TOKENS) <= set(STYLES)
    assert {"class", "current", "error", "func", "lineno", "state", "taskname"} <= set(TOKENS)


def test_the_page_is_true(ipython):
    """The first cells of the page show what it says; and findings name cells as rows do."""
    page = (ROOT / "docs" / "ipython.rst").read_text(encoding="utf-8")
    session = page[
        page.index("   In [2]: ") : page.index("The loops, tasks and threads of IPython")
    ]
    typed = re.findall(r"^ +(?:In \[\d+\]|\.\.\.): ?(.*)", session, re.MULTILINE)
    shown = re.findall(r"^   (?!In \[|   \.\.\.:)(.*)", session, re.MULTILINE)
    out = ipython(LOAD, *typed, "%stackscope --why")

    def comparable(text):
        text = re.sub(r"\bTask-\d+\b", "Task-N", text)
        text = re.sub(r"\d+ (threads?)\b", r"N \1", text).replace("2 > 1 > 2", "1 > 2 > 1")
        return [" ".join(line.split("async with")[0].split()) for line in text.splitlines()]

    first = next(number for number, line in enumerate(shown) if line.startswith("asyncio loop"))
    lines = [re.sub(r"^(In \[\d+\]: |\.\.\.: )+", "", line) for line in comparable(out)]
    for line in comparable("\n".join(shown[first:])):
        assert line in lines
    found = out.rpartition("Deadlock: ")[2].partition("Task was destroyed")[0]
    assert "In [3]:4 in transfer" in found
    assert "ipython-input" not in found
