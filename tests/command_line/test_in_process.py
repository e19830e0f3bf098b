"""What the commands do with what they are given, in this process."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest

import stackscope
from stackscope.command_line import hangs, output
from stackscope.command_line.main import main
from stackscope.command_line.options import split


def done(capsys, *words):
    """Run a command. The status, and what it writes to stdout and stderr."""
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    found = capsys.readouterr()
    return caught.value.code, found.out, found.err


@pytest.fixture
def saved(tmp_path):
    """A snapshot and a diagnosis, saved."""
    snapshot = stackscope.extract_all()
    paths = [tmp_path / "snapshot.json", tmp_path / "diagnosis.json"]
    paths[0].write_text(snapshot.to_json())
    paths[1].write_text(stackscope.diagnose(snapshot).to_json())
    return paths


# ------------------------------------------------------------------------- stdin and stdout


class Full(io.StringIO):
    """A file that takes nothing when it is flushed, or none at all."""

    def __init__(self, error, fails_at_once=False):
        super().__init__()
        self.error = error
        self.fails_at_once = fails_at_once

    def write(self, text):
        if self.fails_at_once:
            raise self.error
        return super().write(text)

    def flush(self):
        if self.getvalue() or self.fails_at_once:
            raise self.error


NO_SPACE = OSError(errno.ENOSPC, "No space left on device")

COMMANDS = [["--version"], ["--help"], ["show", "FILE"], ["diff", "FILE", "FILE"]]
COMMANDS += [["show", "FILE", "--html", "-"]]


@pytest.fixture
def forgotten(monkeypatch):
    """How often what could not be written is forgotten, which changes the process's stdout."""
    times = []
    for name in ("stackscope.command_line.output", "stackscope.command_line.main"):
        monkeypatch.setattr(f"{name}.end_output", lambda: times.append(1))
    return times


def in_place(words, path):
    return [str(path) if word == "FILE" else word for word in words]


@pytest.mark.parametrize("fails_at_once", [True, False])
@pytest.mark.parametrize("words", [words for words in COMMANDS if words != ["--help"]])
def test_the_disk_is_full(capsys, saved, monkeypatch, forgotten, words, fails_at_once):
    monkeypatch.setattr(sys, "stdout", Full(NO_SPACE, fails_at_once))
    status, _, said = done(capsys, *in_place(words, saved[0]))
    assert status == output.NOT_DONE
    assert said == ("stackscope: The standard output can't be written: No space left on device.\n")
    assert forgotten == [1]


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != ["--help"]])
def test_there_is_no_standard_output(capsys, saved, monkeypatch, words):
    monkeypatch.setattr(sys, "stdout", None)
    status, _, said = done(capsys, *in_place(words, saved[0]))
    assert (status, said) == (
        output.NOT_DONE,
        "stackscope: There is no standard output to write to.\n",
    )


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != ["--help"]])
def test_whoever_reads_has_seen_enough(capsys, saved, monkeypatch, forgotten, words):
    monkeypatch.setattr(sys, "stdout", Full(BrokenPipeError()))
    assert done(capsys, *in_place(words, saved[0])) == (output.FINE, "", "")
    assert forgotten == [1]


def test_help_that_can_not_be_written(capsys, monkeypatch, forgotten):
    """It is written by the standard library, and is still to be flushed then."""
    monkeypatch.setattr(sys, "stdout", Full(NO_SPACE))
    status, _, said = done(capsys)
    assert (status, said.count("No space left")) == (output.NOT_DONE, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_what_is_forgotten_is_not_written_at_the_exit(tmp_path):
    import subprocess

    from tests.helpers.repository import ROOT

    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "stackscope", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={
                **{key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
                "PYTHONPATH": str(ROOT),
            },
        )
    assert found.returncode == output.NOT_DONE
    assert found.stderr.count("\n") == 1


def test_there_is_no_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    status, _, said = done(capsys, "show", "-")
    assert (status, said) == (
        output.NOT_DONE,
        "stackscope: There is no standard input to read from.\n",
    )


def test_there_is_no_stderr(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as caught:
        main(["show", str(tmp_path / "nowhere")])
    assert caught.value.code == output.NOT_DONE


# ------------------------------------------------------------------------------------ files


def test_a_saved_diagnosis_has_a_snapshot(capsys, saved):
    plain = done(capsys, "show", saved[0])
    assert plain[0] == output.FINE
    assert done(capsys, "show", saved[1]) == plain
    status, out, _ = done(capsys, "diff", *saved)
    assert status == output.FINE
    assert "0 moved, 0 new, 0 gone" in out


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 200_000, '{"diagnosis": 5}'], ids=len)
@pytest.mark.parametrize("command", [["show"], ["show", "--why"], ["diff"]])
def test_what_is_no_snapshot(capsys, saved, tmp_path, command, text):
    (tmp_path / "other.json").write_text(text)
    others = [saved[0]] if command == ["diff"] else []
    status, out, said = done(capsys, *command, tmp_path / "other.json", *others)
    assert (status, out) == (output.NOT_DONE, "")
    assert said.startswith(f"stackscope: {tmp_path / 'other.json'}: ")


def test_a_page_that_can_not_be_written(capsys, saved, tmp_path):
    path = tmp_path / "nowhere" / "page.html"
    status, _, said = done(capsys, "show", saved[0], "--html", path)
    assert status == output.NOT_DONE
    assert said == f"stackscope: {path} can't be written: No such file or directory.\n"


def test_no_filter(capsys, saved):
    status, _, said = done(capsys, "show", saved[0], "--filter", "(")
    assert status == output.NOT_DONE
    assert said.startswith("stackscope: --filter: ")


def test_no_command_behind_dashes(capsys):
    status, _, said = done(capsys, "--", "other")
    assert status == output.WRONG_USE
    assert "there is no command 'other'" in said


# ------------------------------------------------------------------------------------- dump


def test_only_a_signal_is_sent(capsys, monkeypatch):
    sent = []
    monkeypatch.setattr("stackscope.remote.registered.send_signal", lambda *args: sent.append(args))
    assert done(capsys, "dump", "5", "--signal", "USR1") == (output.FINE, "", "")
    assert sent == [(5, "USR1")]


class Answering:
    """Stands for a process that gives answers, one after the other, until Ctrl-C."""

    pid = 5

    def __init__(self, *answers):
        self.answers = list(answers)
        self.is_closed = False

    def ask(self, *, why):
        if not self.answers:
            raise KeyboardInterrupt
        return self.answers.pop(0)

    def close(self):
        self.is_closed = True


@pytest.fixture
def answering(monkeypatch):
    def make(*answers):
        connection = Answering(*answers)
        monkeypatch.setattr("stackscope.remote.attach.attach", lambda pid, **rest: connection)
        return connection

    return make


@pytest.mark.parametrize("answer", [("{", None), ("{}", "{")])
def test_what_a_process_sends_may_be_no_snapshot(capsys, answering, answer):
    connection = answering(answer)
    status, _, said = done(capsys, "dump", "5", *(["--why"] if answer[1] else []))
    assert status == output.NOT_DONE
    assert said.startswith("stackscope: What process 5 has sent can't be read: ")
    assert connection.is_closed


def test_as_json_and_as_a_page(capsys, answering, saved, tmp_path):
    text = saved[0].read_text()
    paths = tmp_path / "a.json", tmp_path / "a.html"
    answering((text, None))
    assert done(capsys, "dump", "5", "--json", paths[0]) == (output.FINE, "", "")
    assert paths[0].read_text() == text
    paths[0].unlink()
    answering((text, None))
    assert done(capsys, "dump", "5", "--json", paths[0], "--html", paths[1])[0] == output.FINE
    assert paths[0].read_text() == text
    assert paths[1].read_text().startswith("<!DOCTYPE html>")
    if sys.platform != "win32":
        assert paths[1].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("goes_to", ["output", "file"])
def test_watching_as_json_writes_each(capsys, answering, saved, tmp_path, goes_to):
    text = saved[0].read_text()
    connection = answering((text, None), (text, None))
    path = "-" if goes_to == "output" else tmp_path / "a.json"
    words = ["dump", "5", "--watch", "0.001", "--json", path]
    status, out, _ = done(capsys, *words)
    assert (status, connection.is_closed) == (output.INTERRUPTED, True)
    assert out == (f"{text}\n" * 2 if goes_to == "output" else "")


# -------------------------------------------------------------------------------------- run


@pytest.fixture
def as_it_was(monkeypatch):
    """What ``run`` changes in this process is put back."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def written(tmp_path, source):
    path = tmp_path / "program.py"
    path.write_text(source)
    return path


def test_a_program_that_can_not_be_compiled(capsys, as_it_was, tmp_path):
    path = written(tmp_path, "x = (\n")
    status, _, said = done(capsys, "run", path)
    assert status == 1
    assert said.startswith(f'  File "{path}", line 1\n')
    assert "SyntaxError" in said


def test_a_program_that_can_not_be_read(capsys, as_it_was, tmp_path, monkeypatch):
    def code(target):
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path, "")
    monkeypatch.setattr("stackscope.command_line.programs.Script.code", code)
    status, _, said = done(capsys, "run", path)
    assert (status, said) == (
        output.NOT_DONE,
        f"stackscope: {path} can't be read: Permission denied.\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
def test_a_signal_that_can_not_be_handled(capsys, as_it_was, tmp_path):
    status, out, said = done(capsys, "run", "--on-signal", "KILL", written(tmp_path, "print(1)"))
    assert (status, out) == (output.NOT_DONE, "")
    assert said.startswith("stackscope: --on-signal: SIGKILL can't be handled")


@pytest.mark.parametrize(
    "source, status, said",
    [
        ("import sys; print(sys.argv[1:], __name__)", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("raise KeyboardInterrupt", output.INTERRUPTED, "KeyboardInterrupt"),
    ],
)
def test_how_a_program_ends(capsys, as_it_was, tmp_path, source, status, said):
    path = written(tmp_path, source)
    found = done(capsys, "run", path, "a", "--on-hang")
    assert found[0] == status
    assert (found[1] == "['a', '--on-hang'] __main__\n") is (status == 0)
    assert said in found[2]
    assert "stackscope" not in found[2]


@pytest.mark.parametrize(
    "words, expected",
    [
        (["-m", "this", "-x"], (["-m", "this"], ["-x"])),
        (["-mthis", "-x"], (["-mthis"], ["-x"])),
        (["--after", "5", "a.py", "-m", "b"], (["--after", "5"], ["a.py", "-m", "b"])),
        (["--after=5", "a.py"], (["--after=5"], ["a.py"])),
        (["--", "-odd.py", "x"], ([], ["-odd.py", "x"])),
        (["-", "-m"], ([], ["-", "-m"])),
        (["--after"], (["--after"], [])),
        ([], ([], [])),
    ],
)
def test_where_the_program_begins(words, expected):
    assert split(words, ("--after",)) == expected


def test_the_debugger_may_be_missing(capsys, monkeypatch, as_it_was):
    monkeypatch.setitem(sys.modules, "stackscope_pdb.entry.cli", None)
    monkeypatch.setitem(sys.modules, "stackscope_pdb.entry", None)
    monkeypatch.setitem(sys.modules, "stackscope_pdb", None)
    status, _, said = done(capsys, "debug", "a.py")
    assert status == output.NOT_DONE
    assert said.startswith("stackscope: The debugger can't be imported: ")


# ------------------------------------------------------------------------------------ hangs


class Output:
    """Takes lines, and ends the watch after so many looks."""

    ascii_only = True
    columns = 0

    def __init__(self):
        self.written = []

    def write(self, lines):
        self.written.append("".join(lines))


@pytest.fixture
def looks(monkeypatch):
    """Makes a watch look so often, without waiting; what it writes."""

    def make(times, **methods):
        count = iter(range(times))

        def sleep(seconds):
            if next(count, None) is None:
                raise SystemExit

        monkeypatch.setattr(hangs.time, "sleep", sleep)
        watch = hangs._Watch(1, Output())
        for name, method in methods.items():
            monkeypatch.setattr(watch, name, method)
        with pytest.raises(SystemExit):
            watch.run()
        return watch._output.written

    return make


def test_that_a_look_fails_is_told(looks):
    def look():
        raise ValueError("no")

    expected = "stackscope could not find out what is stuck: ValueError: no\n"
    assert looks(2, _look=look) == [expected] * 2


def test_nothing_is_told_where_nothing_is_stuck(looks):
    assert looks(3) == []
