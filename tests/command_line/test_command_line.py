"""The command ``stackscope``, as users call it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import stackscope
from stackscope.command_line.main import COMMANDS
from tests.command_line.test_in_process import done
from tests.helpers.repository import ROOT
from tests.remote.asking import command, needs_gdb, needs_way_in
from tests.remote.conftest import program  # noqa: F401  (a fixture)

HANGS = """
    import sys, threading
    first, second = threading.Lock(), threading.Lock()
    meet = threading.Barrier(2)

    def take(one, other):
        with one:
            meet.wait()
            with other:
                pass

    for pair in ((first, second), (second, first)):
        threading.Thread(target=take, args=pair, daemon=True).start()
    print(sys.argv, __name__, __file__, flush=True)
    sys.stdin.readline()
    sys.exit(7)
"""


def written(tmp_path, name, source):
    path = tmp_path / name
    path.write_text(textwrap.dedent(source))
    return path


@pytest.fixture
def saved(tmp_path):
    """Two snapshots of this process, saved at two lines."""
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    paths[0].write_text(stackscope.extract_all().to_json())
    paths[1].write_text(stackscope.extract_all().to_json())
    return paths


# ------------------------------------------------------------------------------- in general


@pytest.mark.parametrize("words", [[], *[[name] for name in COMMANDS if name != "debug"]])
def test_help(capsys, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "80")
    status, shown, said = done(capsys, *words, "--help")
    assert (status, said) == (0, "")
    assert shown.startswith("usage: ")
    assert max(map(len, shown.splitlines())) <= 80


def test_version():
    found = command("--version")
    assert found.returncode == 0
    assert found.stdout == f"stackscope {stackscope.__version__}, Python {sys.version.split()[0]}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dumb"], "there is no command 'dumb': choose dump, why,"),
        (["wyh", "4711"], "there is no command 'wyh': choose dump, why,"),
        (["dumb", "--why"], "there is no command 'dumb': choose dump, why,"),
        (["dump"], "PID"),
        (["dump", "-1"], "PID"),
        (["dump", "x"], "the number of a process is expected, not 'x'"),
        (["why", "0"], "the number of a process is expected, not '0'"),
        (["dump", "1", "--watch", "0"], "--watch: a number of seconds is expected, not '0'"),
        (["run"], "the program to run is missing"),
        (["run", "--on-hang", "soon", "x.py"], "a number of seconds is expected, not 'soon'"),
    ],
)
def test_wrong_use(capsys, monkeypatch, words, said):
    monkeypatch.setenv("COLUMNS", "80")
    status, _, complaint = done(capsys, *words)
    assert status == 2
    assert said in complaint


def test_nothing_is_wrong_use():
    found = command()
    assert found.returncode == 2
    assert found.stdout.startswith("usage: stackscope")


def test_the_help_of_debug_says_what_to_type():
    found = command("debug", "--help")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("usage: stackscope debug [-h]")
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert "python -m" not in found.stdout


def test_debug_is_the_debugger():
    found = command("debug", "--version")
    assert found.returncode == 0
    assert found.stdout == command("--version").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dump", "2147483647"], "There is no process 2147483647."),
        (["show", "nosuch.json"], "nosuch.json can't be read: No such file or directory."),
        (["run", "nosuch.py"], "stackscope: nosuch.py does not exist"),
        (["run", "-m", "nosuch"], "stackscope: No module named nosuch"),
        (["dump", "1", "--signal", "NOSUCH"], "There is no signal NOSUCH"),
    ],
)
def test_what_can_not_be_done(words, said):
    found = command(*words)
    assert found.returncode == 3
    assert found.stdout == ""
    assert said in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["show", "no such file that has a long name.json"],
            [
                "stackscope: no such file that has a long",
                "    name.json can't be read: No such",
                "    file or directory.",
            ],
        ),
        (
            ["why", "app.py"],
            [
                "stackscope why: error: argument PID: the",
                "    number of a process is expected, not",
                "    'app.py'",
            ],
        ),
    ],
)
def test_a_terminal_breaks_no_word(words, lines):
    shown = on_terminal(*words, stream="stderr", env={"COLUMNS": "40"})
    assert shown.replace("\r", "").splitlines()[-3:] == lines


# ------------------------------------------------------------------------------------ files


def test_show(saved):
    found = command("show", saved[0])
    assert (found.returncode, found.stderr) == (0, "")
    expected = stackscope.Snapshot.from_json(saved[0].read_text()).format(width=80)
    assert found.stdout == "".join(expected)
    assert command("show", "--why", saved[0]).stdout.startswith("Nothing is stuck")


def test_show_as_a_page(saved, tmp_path):
    found = command("show", saved[0], "--html", tmp_path / "page.html")
    assert (found.returncode, found.stdout) == (0, "")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert os.name == "nt" or (tmp_path / "page.html").stat().st_mode & 0o777 == 0o600
    assert command("show", saved[0], "--html", "-").stdout.startswith("<!DOCTYPE html>")


def test_show_something_else(tmp_path):
    path = written(tmp_path, "x.json", "[1, 2]")
    found = command("show", path)
    assert found.returncode == 3
    assert found.stderr.startswith(f"stackscope: {path}: The document can't be read, since it ")


def test_show_from_a_pipe(saved):
    found = command("show", "-", input=saved[0].read_text())
    assert found.stdout == command("show", saved[0]).stdout


def test_whoever_reads_may_have_seen_enough(saved):
    document = json.loads(saved[0].read_text())
    assert document
    process = subprocess.Popen(
        [sys.executable, "-m", "stackscope", "show", "--html", "-", str(saved[0])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


def test_diff(saved):
    found = command("diff", *saved)
    assert (found.returncode, found.stderr) == (0, "")
    first, second = found.stdout.splitlines()[:2]
    assert re.fullmatch(r"after \S+ s: \d at the same lines, 1 moved, 0 new, 0 gone", first)
    assert second in ("moved:", f"at the same lines for {first.split()[1]} s:")
    assert re.search(r"^moved:\n  thread 1 \(MainThread\)  ", found.stdout, re.MULTILINE)


# -------------------------------------------------------------------------------------- run


def test_run_is_as_without(tmp_path):
    path = written(
        tmp_path,
        "program.py",
        """
        import sys, __main__
        print(sys.argv, __name__, __file__, __main__.here if hasattr(__main__, "here") else None)
        here = 1
        print(__main__.here, sys.path[0], sorted(vars(__main__))[:3])
        raise SystemExit(5)
        """,
    )
    words = [str(path), "--on-hang", "-m", "x"]
    plain = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, encoding="utf-8")
    found = command("run", *words)
    assert found.returncode == plain.returncode == 5
    assert found.stdout.splitlines()[0] == plain.stdout.splitlines()[0]
    assert found.stdout.splitlines()[1].split()[:2] == plain.stdout.splitlines()[1].split()[:2]


@pytest.mark.parametrize("words", [["nosuch.py"], ["-m", "no_such_module"]])
def test_debug_has_the_status_of_the_other_commands_if_there_is_nothing_to_debug(words):
    """It isn't 1, by which a script knows that something is stuck."""
    found = command("debug", *words)
    assert found.returncode == 3
    assert words[-1] in found.stdout


def test_run_ends_in_an_exception(tmp_path):
    path = written(tmp_path, "program.py", "def f():\n    return 1 / 0\nf()\n")
    found = command("run", path)
    assert found.returncode == 1
    assert re.findall(r'File "([^"]+)"', found.stderr) == [str(path)] * 2
    assert found.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_run_tells_where_it_was_interrupted(tmp_path):
    path = written(tmp_path, "waits.py", "def wait():\n    raise KeyboardInterrupt\n\nwait()\n")
    found = command("run", path)
    assert found.returncode == 130
    assert found.stderr.startswith("Traceback (most recent call last):\n")
    assert "in wait" in found.stderr
    assert "stackscope" not in found.stderr.replace(str(tmp_path), "")


def test_run_a_module(tmp_path):
    written(tmp_path, "module.py", "import sys; print(__name__, sys.argv[1:])")
    found = command("run", "-m", "module", "-x", "1", cwd=str(tmp_path))
    assert found.stdout == "__main__ ['-x', '1']\n"


def test_run_tells_after_a_time(tmp_path):
    path = written(tmp_path, "program.py", "import time\ndef wait(): time.sleep(3)\nwait()\n")
    found = command("run", "--after", "0.5", path)
    assert found.returncode == 0
    assert "is doing after 0.5 s" in found.stderr
    assert "wait in __main__" in found.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="a signal of POSIX")
def test_run_tells_on_a_signal(tmp_path):
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGUSR1)\nprint('end')\n"
    found = command("run", "--on-signal", "usr1", written(tmp_path, "program.py", source))
    assert (found.returncode, found.stdout) == (0, "end\n")
    assert "is doing on SIGUSR1" in found.stderr


def test_run_tells_of_a_hang(tmp_path):
    path = written(tmp_path, "program.py", HANGS)
    process = subprocess.Popen(
        [sys.executable, "-m", "stackscope", "run", "--on-hang", "0.3", str(path), "word"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == f"{[str(path), 'word']} __main__ {path}\n"
    said = []
    while not said or not said[-1].startswith("+++ end of why"):
        said.append(process.stderr.readline())
        assert said[-1], said
    time.sleep(2)  # it is told once only
    _, rest = process.communicate("go on\n", timeout=60)
    assert rest == ""
    assert process.returncode == 7
    assert "is stuck" in said[1]
    assert said[2].startswith("Deadlock: ")


# ------------------------------------------------------------------------ running processes


@needs_way_in
def test_watch(program):
    process = program("threads")
    watching = subprocess.Popen(
        [sys.executable, "-m", "stackscope", "dump", str(process.pid), "--watch", "0.2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    seen = ""
    while seen.count("5 at the same lines, 0 moved, 0 new, 0 gone") < 2:
        line = watching.stdout.readline()
        assert line, watching.stderr.read()
        seen += line
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=60)
    assert (watching.returncode, said) == (130, "")
    assert process.poll() is None


@needs_way_in
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the handlers are unknown")
def test_a_signal_without_a_handler_is_not_sent(program):
    process = program("threads")
    found = command("dump", process.pid, "--signal", "USR1")
    assert found.returncode == 3
    assert "has no handler for USR1, so the signal would end it" in found.stderr
    assert process.poll() is None


# ------------------------------------------------------------------------------- terminals


def on_terminal(*words, stream, env=None):
    """Run the command with a terminal as its stdout or stderr, and give what arrives there."""
    import pty

    ours, theirs = pty.openpty()
    keep = {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm", **(env or {})}
    process = subprocess.Popen(
        [sys.executable, "-m", "stackscope", *map(str, words)],
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs},
        env={**{k: v for k, v in os.environ.items() if not k.endswith("_COLOR")}, **keep},
    )
    os.close(theirs)
    said = b""
    try:
        while True:
            part = os.read(ours, 1 << 16)
            if not part:
                break
            said += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait(60)
    return said.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")
@pytest.mark.parametrize("words", [["show"], ["show", "--why"], ["diff"]])
def test_colors(saved, words):
    files = saved[: 2 if words == ["diff"] else 1]
    assert "\x1b[" in on_terminal(*words, *files, stream="stdout")
    if words == ["show"]:
        assert "\x1b[" not in on_terminal(*words, *files, stream="stdout", env={"NO_COLOR": "1"})
        assert "\x1b[" not in command(*words, *files).stdout


@needs_gdb
def test_what_takes_long_is_told(program):
    process = program("keeps_interpreter")
    said = on_terminal("why", process.pid, "--timeout", "1.5", stream="stderr")
    said = said.replace("\r\n    ", " ")  # where the last sentence goes on
    *told, error = re.sub(r"\r *\r", "\r", said).strip().split("\r")
    assert any(f"process {process.pid}" in line and line.endswith(" s)") for line in told)
    assert error.startswith("stackscope: ")
    assert "has not answered" in error
    found = command("why", process.pid, "--timeout", "0.1")
    assert found.stderr.count("\n") == 1
    assert "\r" not in found.stderr
