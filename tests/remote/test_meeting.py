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


def test_nobody_is_left_waiting_when_it_is_interrupted(place, monkeypatch):
    one = place()

    def interrupted(connection):
        raise KeyboardInterrupt

    monkeypatch.setattr(one, "_is_process", interrupted)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(one.address[1])
        with pytest.raises(KeyboardInterrupt):
            one.accept(30)
        connection.settimeout(30)
        assert connection.recv(1) == b""


def test_what_is_for_another_user_is_made_theirs(place, monkeypatch, state):
    given = []
    monkeypatch.setattr(meeting, "user_of", lambda pid: 4321)
    monkeypatch.setattr(meeting.os, "chown", lambda path, uid, gid: given.append((path, uid, gid)))
    monkeypatch.setattr(meeting, "_bases", lambda for_another_user: [state])
    one = place()
    assert given == [(path, 4321, -1) for path in (one.script, one.address[1], one.folder)]


def test_where_folders_for_another_user_may_be(monkeypatch):
    """Not in those of this one, which they can't enter."""
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/runtime")
    monkeypatch.setattr(meeting.tempfile, "tempdir", "/temporary")
    others = list(meeting._bases(for_another_user=True))
    own = list(meeting._bases(for_another_user=False))
    assert others == ["/run", "/temporary", "/tmp"]
    assert own == ["/state/stackscope", "/runtime", "/temporary", "/tmp"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert "relative" not in meeting._bases(for_another_user=False)


@pytest.mark.parametrize("name, fits", [("LONGEST_PATH", True), ("LONGEST_SCRIPT_PATH", False)])
def test_folders_whose_paths_are_too_long(state, monkeypatch, name, fits):
    """A socket has a way around that, but not what `sys.remote_exec` is told."""
    monkeypatch.setattr(meeting, "_bases", lambda for_another_user: [state])
    monkeypatch.setattr(meeting, name, 10)
    if fits and os.path.isdir("/proc/self/fd"):
        with calling.place_to_meet(os.getpid()) as one:
            assert one.address == (one.folder, "s")
    else:
        with pytest.raises(calling.AttachError, match="set XDG_RUNTIME_DIR"):
            with calling.place_to_meet(os.getpid()):
                pass
    assert os.listdir(state) == []


def test_a_folder_that_is_made_another_ones_meanwhile(state, monkeypatch):
    """It has been seen to be ours, but isn't any more when something is to be put there."""
    answers = iter([True, False])
    monkeypatch.setattr(meeting, "nobody_else_can_replace", lambda path: next(answers))
    monkeypatch.setattr(meeting, "_bases", lambda for_another_user: [state])
    with pytest.raises(calling.AttachError, match="There is no folder"):
        meet()
    assert os.listdir(state) == []


def test_without_unix_sockets_it_is_a_port_of_this_machine(state, monkeypatch):
    monkeypatch.setattr(meeting, "HAS_UNIX_SOCKETS", False)
    with calling.place_to_meet(os.getpid()) as one:
        folder, (host, port) = one.address
        assert (folder, host) == (None, "127.0.0.1")
        assert os.listdir(one.folder) == ["attach.py"]
        socket.create_connection((host, port), 30).close()


def test_the_user_of_a_process(monkeypatch):
    asked = []

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=answer)

    assert meeting.user_of(1 << 30) is None
    if sys.platform == "linux":
        assert meeting.user_of(os.getpid()) == os.geteuid()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    for answer, expected in ((b"  501\n", 501), (b"", None)):
        assert meeting.user_of(7) == expected
    assert asked[0] == ["ps", "-o", "uid=", "-p", "7"]


def test_nothing_is_removed_where_others_may_have_put_it(tmp_path):
    left = tmp_path / f"stackscope-attach-{1 << 30}-0"
    left.mkdir()
    tmp_path.chmod(0o777)
    meeting._remove_old_ones(str(tmp_path))
    assert left.exists()
    tmp_path.chmod(0o700)
    meeting._remove_old_ones(str(tmp_path))
    assert not left.exists()


def test_what_may_not_be_sent_a_signal_is_alive(monkeypatch):
    def kill(pid, number):
        raise error

    monkeypatch.setattr(os, "kill", kill)
    for error, is_alive in ((PermissionError(), True), (ProcessLookupError(), False)):
        assert meeting._is_alive(5) is is_alive


# ------------------------------------------------------------------------ being called back


class Place:
    """A place that nobody comes to, or where what is given happens."""

    script = "the path"
    is_known = None
    text = ""

    def __init__(self, *happenings):
        self.happenings = list(happenings)

    def write(self, text):
        self.text = text

    def accept(self, seconds):
        happening = self.happenings.pop(0) if self.happenings else socket.timeout()
        if isinstance(happening, BaseException):
            raise happening
        return happening


def execute(place, remote_exec, seconds=0.05, pid=1 << 30):
    return calling.execute(pid, place, "script", "its.name", remote_exec, 1, seconds)


def test_it_calls_back():
    with socket.socket() as connection:
        place, told = Place(None, connection), []
        assert execute(place, lambda pid, path: told.append(path)) == [connection]
        assert connection.fileno() >= 0
    assert told == ["the path"]
    assert place.is_known is False
    assert "'script'" in place.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, calling.TimeIsUp])
def test_what_it_was_told_is_taken_back(error):
    """Nobody knows whether it has taken it: so the script stays there, and is emptied."""
    place, told = Place(error()), []
    with pytest.raises(error):
        execute(place, lambda pid, path: told.append(path))
    assert told == ["the path", os.devnull]
    assert place.is_known is True


def test_it_was_not_told():
    def fails(pid, path):
        raise calling.AttachError("no")

    place = Place()
    with pytest.raises(calling.AttachError, match="^no$"):
        execute(place, fails)
    assert place.is_known is False


def test_no_right_to_write_the_script(monkeypatch):
    def write(text):
        raise PermissionError

    place = Place()
    place.write = write
    with pytest.raises(calling.AttachError, match="There is no permission to attach to process"):
        execute(place, len)
    assert place.is_known is None


def test_the_connections_are_closed_if_not_all_come(monkeypatch):
    monkeypatch.setattr(calling, "wake", len)
    with socket.socket() as connection:
        with pytest.raises(calling.TimeIsUp, match="has not answered for 0.05 seconds"):
            calling.accept(5, Place(connection), 2, 0.05, None)
        assert connection.fileno() == -1


OWN_VERSION = "{}.{}".format(*sys.version_info)


@pytest.mark.parametrize(
    "error, is_alive, said",
    [
        (PermissionError(), True, "There is no permission"),
        (RuntimeError("other version"), True, f"must run Python {OWN_VERSION}, .*other version"),
        (OSError("gone"), False, "has ended"),
    ],
)
def test_errors_of_remote_exec_are_sentences(monkeypatch, error, is_alive, said):
    def remote_exec(pid, path):
        raise error

    monkeypatch.setattr(sys, "remote_exec", remote_exec, raising=False)
    monkeypatch.setattr(calling.Process, "is_alive", is_alive)
    with pytest.raises(calling.AttachError, match=said):
        calling.run_file(5, "path")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere that wakes nobody")
@pytest.mark.parametrize("error", [None, PermissionError, ProcessLookupError])
def test_a_process_is_woken(monkeypatch, error):
    sent = []

    def kill(pid, number):
        sent.append(number.name)
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    if error is ProcessLookupError:
        with pytest.raises(calling.AttachError, match="has ended"):
            calling.wake(5)
    else:
        calling.wake(5)
        assert sent == (["SIGSTOP", "SIGCONT"] if error is None else ["SIGSTOP"])


def test_whether_there_is_a_process(monkeypatch):
    with pytest.raises(calling.AttachError, match="^my own$"):
        calling.check_process(os.getpid(), own="my own")
    with pytest.raises(calling.AttachError, match="There is no process"):
        calling.check_process(1 << 30, own="")
    calling.check_process(1 << 70, own="")  # the system says no more

    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    calling.check_process(5, own="")


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
