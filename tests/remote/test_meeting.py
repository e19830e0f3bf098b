"""The private place where a process that is attached to finds the debugger."""

from __future__ import annotations

import contextlib
import inspect
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from stackscope.remote import calling, meeting
from stackscope.safe import folders

if sys.platform == "win32":
    pytest.skip("there it is a port", allow_module_level=True)


@pytest.fixture
def state(monkeypatch):
    """A folder for what is kept, whose path is short enough for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder:
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        yield folder


@pytest.fixture
def place(state, monkeypatch):
    """Makes a meeting with a process, by default this one."""
    monkeypatch.setattr(meeting, "SECONDS_TO_PROVE", 0.2)
    made = []

    def make(pid=None):
        made.append(meeting.Meeting(os.getpid() if pid is None else pid))
        made[-1].open()
        made[-1].write("pass\n")
        return made[-1]

    yield make
    for one in made:
        one.close()


def come(place, words):
    """Connect, say ``words``, and give what the debugger answers."""
    answer = []

    def talk():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(place.address[1])
            try:
                connection.sendall(words)
                connection.shutdown(socket.SHUT_WR)
                answer.append(connection.recv(100))
            except OSError:  # it was closed at once
                answer.append(b"")

    thread = threading.Thread(target=talk)
    thread.start()
    accepted = place.accept(30)
    if accepted is not None:
        accepted.close()
    thread.join()
    return accepted is not None, answer[0]


def test_it_is_for_this_user_only(place, state):
    one = place()
    assert os.path.dirname(one.folder) == os.path.join(state, "stackscope")
    modes = {
        path: stat.S_IMODE(os.lstat(path).st_mode)
        for path in (one.folder, one.script, one.address[1])
    }
    assert set(modes.values()) == {0o700, 0o600}


def test_both_prove_who_they_are(place):
    one = place()
    assert come(one, one.its_secret) == (True, one.our_secret)
    assert one.its_secret != one.our_secret


@pytest.mark.parametrize("words", [b"", b"x", b"0" * 64, b"0" * 640], ids=len)
def test_who_does_not_know_the_secret_gets_nothing(place, words):
    assert come(place(), words) == (False, b"")


def test_who_says_nothing_does_not_keep_others_out(place):
    one = place()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(one.address[1])
        assert one.accept(30) is None
    assert come(one, one.its_secret)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="SO_PEERCRED")
def test_another_process_is_refused_whatever_it_knows(place):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        one = place(other.pid)
        assert come(one, one.its_secret) == (False, b"")
    finally:
        other.communicate(b"\n")


def test_nothing_stays_of_one_that_has_come_about(place):
    one = place()
    one.close()
    assert not os.path.exists(one.folder)
    one.close = lambda: None


def test_an_empty_script_stays_where_the_process_may_still_run_it(place):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    one = place(ended.pid)
    one.is_known = True
    one.close()
    assert os.listdir(one.folder) == ["attach.py"]
    with open(one.script) as file:
        assert file.read() == ""
    one.close = lambda: None
    ended.wait()
    place()  # which clears away what processes left that have ended
    assert not os.path.exists(one.folder)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_path_too_long_for_a_socket(place, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("long" * 30)))
    one = place()
    folder, name = one.address
    assert folder == one.folder
    assert folder.startswith(str(tmp_path))
    with socket.socket(socket.AF_UNIX) as connection:
        directory = os.open(folder, os.O_RDONLY)
        connection.connect(f"/proc/self/fd/{directory}/{name}")
        os.close(directory)


def test_folders_that_others_can_replace_are_not_taken(place, tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_STATE_HOME", str(shared / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    one = place()
    assert os.path.dirname(one.folder) == str(tmp_path)
    assert list(shared.iterdir()) == []


def test_no_home(place, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setattr(meeting.tempfile, "tempdir", str(tmp_path))
    assert os.path.dirname(place().folder) == str(tmp_path)


# ------------------------------------------------------------------------------ Ctrl-C


def meet():
    """Meet with this process, and part again."""
    with calling.place_to_meet(os.getpid()) as one:
        one.write("pass\n")


def use_private_folder():
    with folders.private_folder("s-") as folder:
        Path(folder, "file").touch()


ENTERING = [
    contextlib._GeneratorContextManager.__enter__.__code__,
    contextlib._GeneratorContextManager.__exit__.__code__,
]


def interrupted_at(number, work):
    """Do ``work``, with Ctrl-C where the interpreter looks for it: as a call begins, or is over.

    Args:
        number: Which call of ours.
        work: The function.

    Returns:
        How many such places there were.
    """
    count = 0

    def interrupt(frame, event, argument):
        nonlocal count
        caller = frame
        if event in ("call", "return"):
            if frame.f_code.co_flags & inspect.CO_GENERATOR:
                return  # a generator can't be interrupted there
            caller = frame.f_back
        if "stackscope" in caller.f_code.co_filename or caller.f_code in ENTERING:
            count += 1
            if count == number:
                raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


# A socket that is never used is closed by the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [meet, use_private_folder])
def test_nothing_stays_wherever_it_is_interrupted(work, state, monkeypatch):
    monkeypatch.setenv("TMPDIR", state)
    monkeypatch.setattr(tempfile, "tempdir", None)
    interrupted_at(0, work)  # imports
    total = interrupted_at(0, work)
    assert total > 15
    for number in range(1, total + 1):
        with contextlib.suppress(KeyboardInterrupt):
            interrupted_at(number, work)
        assert [path.name for path in Path(state).glob("**/*")] in ([], ["stackscope"])
