"""``python -m stackscope_pdb``, without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Runs ``python -m stackscope_pdb ARGUMENTS`` in a folder with some programs."""
    for name in ("PYTHONBREAKPOINT", "COLUMNS", "FORCE_COLOR", "PYTHON_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "fine.py").write_text("import sys\nx = 1\nprint('argv', sys.argv[1:])\n")
    (tmp_path / "fails.py").write_text("def f(n):\n    return 1 / n\nf(0)\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "stops.py").write_text("y = 2\nbreakpoint()\nz = 3\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text(
        "import sys\nprint(__package__, sys.argv[1:])\n"
    )

    def run(*arguments, stdin=""):
        return subprocess.run(
            [sys.executable, "-m", "stackscope_pdb", *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            cwd=str(tmp_path),
            timeout=60,
            check=False,
        )

    return run


def test_commands_and_arguments(cli):
    run = cli(
        "-c", "next", "-c", "p 20 + 1", "--command=continue", "-c", "q", "fine.py", "-c", "mine"
    )
    assert "21\n" in run.stdout
    assert "argv ['-c', 'mine']" in run.stdout
    assert "The program finished and will be restarted" in run.stdout
    assert run.returncode == 0
    assert run.stderr == ""


def test_module(cli):
    run = cli("-c", "c", "-m", "package", "--arg", stdin="q\n")
    assert "package ['--arg']" in run.stdout
    assert run.returncode == 0


def test_post_mortem(cli):
    run = cli("-c", "c", "fails.py", stdin="p n\nwhere\nctx\nup\nq\n")
    assert "ZeroDivisionError: division by zero" in run.stderr
    assert "bdb" not in run.stderr
    assert "Uncaught exception. Entering post mortem debugging" in run.stdout
    assert "(stackscope_pdb) 0\n" in run.stdout
    assert "f has ended: no context manager is active in it any more." in run.stdout
    assert "folded" not in run.stdout
    assert run.returncode == 0


def test_restart(cli):
    run = cli("fine.py", "first", stdin="restart second third\nc\nq\n")
    assert "Restarting fine.py with arguments:\n\tsecond third" in run.stdout
    assert "argv ['second', 'third']" in run.stdout
    run = cli("-c", "c", "fails.py", stdin="restart\nq\n")
    assert "Restarting fails.py with arguments:" in run.stdout


def test_exit_of_the_program(cli):
    run = cli("-c", "c", "exits.py", stdin="q\n")
    assert "The program exited via sys.exit(). Exit status: 3" in run.stdout
    assert run.returncode == 0


def test_remaining_commands_run_at_the_breakpoint(cli):
    run = cli("-c", "continue", "-c", "p y + 40", "-c", "where", "-c", "q", "stops.py")
    assert "42\n" in run.stdout
    assert "folded" in run.stdout
    assert run.returncode == 0


def test_pythonbreakpoint_has_precedence(cli, monkeypatch):
    monkeypatch.setenv("PYTHONBREAKPOINT", "0")
    run = cli("-c", "c", "-c", "q", "stops.py")
    assert run.stdout.count("will be restarted") == 1
    monkeypatch.setenv("PYTHONBREAKPOINT", "pdb.set_trace")
    run = cli("-c", "c", "stops.py", stdin="p y\nq\nq\n")
    assert "(Pdb) 2\n" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "usage: python -m stackscope_pdb"),
        (["-h"], 0, "Debug a Python program"),
        (["--help"], 0, "Debug a Python program"),
        (["--version"], 0, "stackscope "),
        (["nowhere.py"], 1, "Error: nowhere.py does not exist"),
        (["package"], 1, "Error: package is a directory"),
        (["-m", "nowhere"], 1, "ImportError: No module named nowhere"),
        (["-x", "fine.py"], 2, "unrecognized arguments: -x"),
        (["-c", "c"], 2, "the program to debug is missing"),
        (["-p", "app"], 2, "the number of a process is expected, not 'app'"),
        (["broken.py"], 1, "SyntaxError"),
    ],
)
def test_what_ends_before_it_begins(cli, arguments, code, words):
    run = cli(*arguments)
    assert words in run.stdout + run.stderr
    assert run.returncode == code


@pytest.mark.parametrize("source", ["", "# nothing\n\n"])
def test_a_program_without_a_line_stops_as_others_do(cli, tmp_path, source):
    (tmp_path / "empty.py").write_text(source)
    run = cli("empty.py", stdin="c\np 20 + 1\nq\n")
    assert run.stdout.count("empty.py(1)<module>()") == 2
    assert run.stdout.count("The program finished and will be restarted") == 1
    assert "21\n" in run.stdout
    assert run.returncode == 0


def test_end_of_input(cli):
    run = cli("fine.py")
    assert "fine.py(1)<module>()" in run.stdout
    assert run.returncode == 0


def test_pdbrc(cli, tmp_path):
    (tmp_path / ".pdbrc").write_text("alias double p 2 * %1\n# a remark\n")
    run = cli("fine.py", stdin="double 21\nq\n")
    assert "42\n" in run.stdout


@pytest.mark.parametrize("hook", ["stackscope_pdb.set_trace", "pdb.set_trace"])
def test_a_breakpoint_whatever_the_environment_says(cli, monkeypatch, hook):
    monkeypatch.setenv("PYTHONBREAKPOINT", hook)
    run = cli("-c", "c", "stops.py", stdin="p y + 40\nc\nq\n")
    assert "stops.py(" in run.stdout
    assert "42" in run.stdout
    assert "cli.py" not in run.stdout


HOSTILE = """
import sys
ESC = "\\x1b]0;title\\x07\\x1b[31m"

def raising(exc):
    raise exc

def named(name, filename="<" + ESC + ">"):
    code = compile("def f(exc): raise exc", filename, "exec")
    namespace = {}
    exec(code, namespace)
    f = namespace["f"]
    f.__code__ = f.__code__.replace(co_name=name)
    return f

kind = type(ESC + "\\n  File", (ValueError,), {"__module__": ESC})
FAKE = 'f\\n  File "/etc/passwd", line 1, in root' + ESC
try:
    named(FAKE)(KeyError(ESC))
except KeyError as exc:
    inner = exc
last = kind("message " + ESC)
if hasattr(last, "add_note"):
    last.add_note("note " + ESC)
    last = ExceptionGroup("group " + ESC, [last])
last.__cause__ = inner
"""


@pytest.mark.parametrize(
    "end",
    [
        "named(FAKE)(last)",
        "raise last",
        "raise SyntaxError('message ' + ESC, (ESC + '.py', 1, 1, 'text ' + ESC + '\\n'))",
        "sys.exit('status ' + ESC)",
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
    ],
)
def test_nothing_raw_reaches_the_terminal(cli, tmp_path, end):
    (tmp_path / "hostile.py").write_text(HOSTILE + end + "\n")
    run = cli("-c", "c", "hostile.py", stdin="where\nup\nq\n")
    written = run.stdout + run.stderr
    assert "\x1b" not in written
    assert "\x07" not in written
    assert '\n  File "/etc/passwd"' not in written
    if end != "sys.exit('status ' + ESC)":
        assert "Uncaught exception. Entering post mortem debugging" in run.stdout
    if "Odd" not in end:
        assert "\\x1b]0;title\\x07" in written
    assert run.returncode == 0


def test_names_with_lines_at_a_stop(cli, tmp_path):
    (tmp_path / "lines.py").write_text(
        HOSTILE + "g = named('f()\\n> /etc/passwd(1)root', 'a\\n> b.py')\n"
        "try:\n    g(KeyError())\nexcept KeyError as exc:\n    found = exc\n"
        "import stackscope_pdb\nstackscope_pdb.post_mortem(found)\n"
    )
    run = cli("-c", "c", "lines.py", stdin="where\nq\nq\n")
    assert "f()\\n> /etc/passwd(1)root()" in run.stdout
    assert "\n> /etc/passwd" not in run.stdout
    assert "\n> b.py" not in run.stdout
    assert "a\\n> b.py" in run.stdout


def test_what_the_command_line_says_is_escaped(cli):
    run = cli("no\x1b[31m.py")
    assert run.stdout == "Error: no\\x1b[31m.py does not exist\n"
    run = cli("fine.py", stdin="restart a\x1b[31mb\nq\n")
    assert "\ta\\x1b[31mb\n" in run.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end in another way there")
def test_whoever_reads_has_seen_enough(cli, tmp_path):
    reads, writes = os.pipe()
    os.close(reads)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "stackscope_pdb", "fine.py"],
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=subprocess.PIPE,
            cwd=str(tmp_path),
            timeout=60,
            check=False,
        )
    finally:
        os.close(writes)
    assert b"stackscope" not in run.stderr
    assert run.returncode == 0


INTERRUPTS = """
import os, signal, sys

class Interrupts:
    '''Presses Ctrl-C when a module is imported.'''

    def find_spec(self, name, path=None, target=None):
        if os.environ.get("NOTES"):
            with open("imported.txt", "a") as file:
                file.write(name + "\\n")
        if name == os.environ.get("INTERRUPTED"):
            del os.environ["INTERRUPTED"]
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it can't send itself Ctrl-C there")
def test_ctrl_c_before_the_first_prompt(cli, tmp_path, monkeypatch):
    """It ends the debugger, or the prompt comes. Nobody hears of what was being imported."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    monkeypatch.setenv("NOTES", "1")
    assert cli("fine.py", stdin="q\n").stderr == ""
    monkeypatch.delenv("NOTES")
    names = (tmp_path / "imported.txt").read_text().split()
    drawn = names.index("stackscope_pdb.output.highlight")
    names = names[names.index("stackscope_pdb.entry.cli") : drawn + 1]
    statuses = set()
    for name in [*names[:: len(names) // 5], names[-1]]:
        monkeypatch.setenv("INTERRUPTED", name)
        run = cli("fine.py", stdin="p 40 + 2\nq\n")
        statuses.add(run.returncode)
        assert "Traceback" not in run.stderr + run.stdout, name
        if run.returncode == 0:
            assert "fine.py(1)<module>()\n-> import sys\n" in run.stdout
            assert "--KeyboardInterrupt--\n" in run.stdout
            assert "42\n" in run.stdout
        else:
            assert run.returncode == 130
            assert run.stdout == ""
    assert statuses == {0, 130}
