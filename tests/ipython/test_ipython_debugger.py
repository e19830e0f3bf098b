"""Our commands at the ``ipdb>`` prompt of a real IPython, in a real terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("IPython")
if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)
pytest.importorskip("pexpect")
pytest.importorskip("pyte")

from tests.helpers.repository import ROOT
from tests.terminal.conftest import ESCAPES, Screen, Terminal

APP = textwrap.dedent(
    """
    import asyncio
    from contextlib import contextmanager

    @contextmanager
    def lease(name):
        yield name

    async def waits(gate):
        secret = 21
        with lease("a-lease") as leased:
            await gate.wait()
        return secret

    class Freed:
        def __del__(self):
            self.is_freed = True

    async def main():
        gate = asyncio.Event()
        task = asyncio.ensure_future(waits(gate))
        await asyncio.sleep(0)
        breakpoint(Freed(), header="look here")  # is freed on the way to the stop
        gate.set()
        print("secret", await task)
        return 1 / 0

    if __name__ == "__main__":
        asyncio.run(main())
    """
)


HIDES = textwrap.dedent(
    """
    def hides(function):
        def wrapper(*args):
            __tracebackhide__ = True
            return function(*args)
        return wrapper

    def skips(function):
        def stepped_over(*args):
            __debuggerskip__ = True
            return function(*args)
        return stepped_over

    @hides
    @skips
    def fail():
        return 1 / 0

    @skips
    def stop():
        breakpoint()
        return 1

    if __name__ == "__main__":
        fail()
    """
)


class Shell(Screen):
    """IPython as a person sees it."""

    cell = 1

    def start(self):
        self.wait("In [1]:")
        self.run("%load_ext stackscope_ipython")
        return self

    def run(self, line, until=None):
        """Run a cell to its end, or until the debugger's prompt, and give the screen."""
        self.clear()
        self.child.send(line)
        self.wait(lambda text: line in text)
        self.child.send("\r")
        if until is None:
            self.cell += 1
            return self.wait(lambda text: text.endswith(f"In [{self.cell}]:"))
        return self.wait(until)

    def ask(self, line, until="ipdb>"):
        """Type a line at the debugger's prompt, and give the screen at its next one."""
        self.clear()
        self.child.send(line)
        self.wait(lambda text: text.rstrip().endswith(line))
        self.child.send("\r")
        return self.wait(
            lambda text: text.count("ipdb") > 0 and text.endswith(until) and line + "\n" in text
        )


@pytest.fixture
def shell(tmp_path):
    """Starts an IPython with the extension loaded."""
    opened = []

    def start(*options, **environ):
        (tmp_path / "app.py").write_text(APP, encoding="utf-8")
        (tmp_path / "hides.py").write_text(HIDES, encoding="utf-8")
        arguments = ["-W", "ignore", "-m", "IPython", "--no-banner", "--no-confirm-exit", *options]
        environ.setdefault("IPYTHONDIR", str(tmp_path))
        environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        opened.append(Terminal(arguments, tmp_path, **environ))
        return Shell(opened[-1]).start()

    yield start
    for one in opened:
        one.close()


def test_breakpoint_debug_run_and_pdb(shell):
    session = shell()
    session.run("from app import main")
    text = session.run("await main()", "ipdb>")
    assert "look here" in text
    assert "gate.set()" in text

    text = session.ask("tasks")
    assert "2 tasks" in text
    assert "waiting: Event.wait()" in text
    number = next(row.split()[0] for row in text.splitlines() if "Event.wait" in row)
    text = session.ask(f"task {number}", ">")
    assert "await gate.wait()" in text
    name = text.rpartition("\n")[2][len("ipdb ") : -1]
    assert f"task {number} {name}" in text

    text = session.ask("where -c", f"ipdb {name}>")
    assert "with lease(" in text
    assert "Event.wait in asyncio.locks" in text
    assert "1 with lease(" in session.ask("ctx", f"ipdb {name}>")
    assert "can't run" in session.ask("step", f"ipdb {name}>")
    session.ask("secret = 400", f"ipdb {name}>")
    assert "main" in session.ask("unfocus")

    text = session.ask("where")
    assert "IPython" in text
    assert "folded" in text
    assert "> " in session.ask("where 1")  # IPython's own, with one line of context
    assert "tasks [FILTER]" in session.ask("help tasks")
    assert "Commands beyond those of pdb" in session.ask("help stackscope")

    # Tab: what only we know, and nothing else
    session.clear()
    session.child.send("where --con\t")
    session.wait(lambda text: text.endswith("where --contexts"))
    session.child.send("\x15task \t")
    text = session.wait(lambda text: name in text)
    offered = [word for word in text.split() if word.startswith("Task-")]
    assert len(offered) == 2
    session.child.send("\x15")
    session.wait(lambda text: name not in text)  # or else that may be drawn later

    session.cell += 1
    text = session.run("c", lambda text: text.endswith(f"In [{session.cell}]:"))
    assert "secret 400" in text
    assert "ZeroDivisionError" in text

    assert "return 1 / 0" in session.run("%debug", "ipdb>")
    assert "main has ended: no context manager is active in it" in " ".join(
        session.ask("ctx").split()
    )
    session.cell += 1
    session.run("q", lambda text: text.endswith(f"In [{session.cell}]:"))

    session.run("%pdb on")
    session.run("1 / 0", "ipdb>")
    assert "No task is alive" in session.ask("tasks")
    session.cell += 1
    session.run("q", lambda text: text.endswith(f"In [{session.cell}]:"))
    session.run("%pdb off")

    assert "import asyncio" in session.run("%run -d app.py", "ipdb>")
    assert "app.py" in session.ask("where")
    assert "No context manager is active" in session.ask("ctx")
    session.cell += 1
    session.run("q", lambda text: text.endswith(f"In [{session.cell}]:"))

    session.run("%unload_ext stackscope_ipython")
    session.run("%debug", "ipdb>")
    assert "NameError" in session.ask("ctx")


def test_what_ipython_hides_is_hidden_and_nothing_of_the_users(shell):
    session = shell()

    def leave(line="q"):
        session.cell += 1
        session.run(line, lambda text: text.endswith(f"In [{session.cell}]:"))

    def functions(text):
        return [
            line.partition("╠ ")[2].split(" in ")[0] for line in text.splitlines() if "╠" in line
        ]

    session.run("import hides; hides.fail()")
    session.run("%debug", "ipdb>")
    assert functions(session.ask("w")) == ["<module>", "fail"]
    assert "hides.fail()" in session.ask("up")
    session.ask("down")
    session.ask("skip_predicates tbhide false")
    assert functions(session.ask("w")) == ["<module>", "wrapper", "fail"]
    assert "return function(*args)" in session.ask("up")
    session.ask("skip_predicates tbhide true")
    session.ask("skip_predicates debuggerskip false")
    assert functions(session.ask("w")) == ["<module>", "wrapper", "stepped_over", "fail"]
    session.ask("skip_predicates debuggerskip true")
    session.ask("skip_hidden false")
    assert functions(session.ask("w"))[-4:] == ["<module>", "wrapper", "stepped_over", "fail"]
    session.ask("skip_hidden true")
    leave()

    # A call of breakpoint() stops also where IPython would step over.
    text = session.run("hides.stop()", "ipdb>")
    assert "return 1" in text
    assert functions(session.ask("where")) == ["<module>", "stop"]
    assert "hides.stop()" in session.ask("up")
    assert "Oldest frame; 1" in session.ask("up")
    # Beyond the cell's end there is nothing to step through.
    session.ask("down")
    assert "--Return--" in session.ask("s")
    leave("s")
    assert "2" in session.run("1 + 1")

    session.run("%pdb on")
    session.run("def cell(): return hides.fail()")
    session.run("cell()", "ipdb>")
    assert functions(session.ask("where --contexts")) == ["<module>", "cell", "fail"]
    leave()
    session.run("%run -i hides.py", "ipdb>")
    assert functions(session.ask("where --contexts")) == ["<module>", "fail"]
    leave()


WITHOUT_TERMINAL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "stackscope_ipython")
shell.run_cell("import hides")
shell.run_cell("def cell(): return hides.stop()")
shell.run_cell("cell()")
shell.run_line_magic("pdb", "on")
shell.run_cell("hides.fail()")
"""


def test_a_shell_without_a_terminal(tmp_path):
    (tmp_path / "hides.py").write_text(HIDES, encoding="utf-8")
    (tmp_path / "shell.py").write_text(WITHOUT_TERMINAL, encoding="utf-8")
    environ = {**os.environ, "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "shell.py"],
        input="where\nup\nc\nwhere -c\nup\nq\n",
        cwd=str(tmp_path),
        env=environ,
        stdout=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )
    first, up, _, second, up_again, *_ = ESCAPES.sub("", done.stdout).split("ipdb> ")[1:]
    assert "cell in __main__" in first
    assert "frames of IPython" in first
    assert "stepped_over in" not in first
    assert "def cell(): return hides.stop()" in up
    assert "hides.fail()" in second
    assert "wrapper in" not in second
    assert "hides.fail()" in up_again


@pytest.mark.parametrize("theme", ["LightBG", "NoColor"])
def test_colors_of_the_theme(tmp_path, theme):
    import IPython

    if IPython.version_info[0] >= 9:
        theme = theme.lower()
    options = ["--simple-prompt", f"--colors={theme}", "-c", COLORED]
    terminal = Terminal(
        ["-W", "ignore", "-m", "IPython", *options], tmp_path, IPYTHONDIR=str(tmp_path)
    )
    terminal.child.expect_exact("ipdb> ")
    terminal.enter("where")
    terminal.child.expect_exact("ipdb> ")
    shown = terminal.without_echo(terminal.child.before.replace("\r", ""))
    shown = shown.rpartition("\n")[0]  # the last line is the prompt's
    assert "values" in shown
    assert bool(re.search(r"\x1b\[[0-9;]+m", shown)) == (theme.lower() == "lightbg")
    terminal.child.sendline("c")
    terminal.close()


COLORED = """
get_ipython().run_line_magic('load_ext', 'stackscope_ipython')
def values():
    breakpoint()
    yield 1
list(values())
"""
