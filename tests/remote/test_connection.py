"""The talk with a process that has connected, and which way in is taken: all in this process."""

from __future__ import annotations

import json
import os
import socket
import sys

import pytest

from stackscope.remote import attach as attaching
from stackscope.remote.attach import BOOT, Connection
from stackscope.remote.calling import AttachError, TimeIsUp
from stackscope.remote.processes import Process
from stackscope.remote.registered import send_signal, signal_number
from tests.remote.asking import Described

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its sockets are others")


def packed(message):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return len(data).to_bytes(8, "big") + data


@pytest.fixture
def connection():
    """Makes a connection with one that has said so much, and maybe closed it since."""
    ends = []

    def make(*messages, raw=b"", ends_then=True, pid=None, progress=None):
        ours, theirs = socket.socketpair()
        ends.extend([ours, theirs])
        theirs.sendall(b"".join(map(packed, messages)) + raw)
        if ends_then:
            theirs.shutdown(socket.SHUT_WR)
        made = Connection(os.getpid() if pid is None else pid, ours, progress)
        made.other_end = theirs
        return made

    yield make
    for end in ends:
        end.close()


ANSWER = {"type": "answer", "snapshot": "{}"}


def test_what_it_tells_meanwhile_is_passed_on(connection):
    told = []
    progress = [{"type": "progress", "told": [0.5, "x", 1]}, {"type": "progress"}]
    talk = connection({"type": "something"}, *progress, ANSWER, progress=told.append)
    assert talk.ask(why=True) == ("{}", None)
    assert told == [[0.5, 1], []]
    assert talk.other_end.recv(1000) == packed({"why": True})


def test_what_it_tells_need_not_be_heard(connection):
    talk = connection({"type": "progress", "told": [1]}, {**ANSWER, "diagnosis": "[]"})
    assert talk.ask() == ("{}", "[]")


@pytest.mark.parametrize(
    "messages, raw, said",
    [
        ([{"type": "error", "text": "OSError: no"}], b"", "could not answer: OSError: no"),
        ([b"{"], b"", "has sent an unexpected answer"),
        ([b"\xff"], b"", "has sent an unexpected answer"),
        ([[1]], b"", "has sent an unexpected answer"),
        ([{"type": "answer"}], b"", "has sent no snapshot"),
        ([{**ANSWER, "diagnosis": 5}], b"", "has sent no snapshot"),
        ([], (1 << 33).to_bytes(8, "big"), "has sent too much"),
        ([], b"\0\0", "has closed the connection"),
        ([], b"", "has closed the connection"),
    ],
)
def test_what_is_no_answer(connection, messages, raw, said):
    with pytest.raises(AttachError, match=f"Process {os.getpid()} {said}"):
        connection(*messages, raw=raw).ask()


def test_one_that_says_nothing(connection, monkeypatch):
    monkeypatch.setattr(attaching, "SECONDS_OF_SILENCE", 0.05)
    with pytest.raises(AttachError, match="has said nothing for 0.05 seconds"):
        connection(ends_then=False).ask()


def test_one_that_is_gone(connection):
    talk = connection(pid=1 << 30)
    talk.other_end.close()
    with pytest.raises(AttachError, match=f"Process {1 << 30} has ended"):
        talk.ask()


def test_it_may_have_our_code(connection):
    """Then that isn't sent again."""
    hello = {"type": "hello", "version": "3.12.1", "is_there": True}
    talk = connection(hello)
    talk.begin()
    assert talk.version == "3.12.1"
    talk._connection.shutdown(socket.SHUT_WR)
    assert talk.other_end.recv(len(BOOT) + 100, socket.MSG_WAITALL) == BOOT.encode()


def test_its_own_package_answers(connection):
    talk = connection({"type": "hello", "version": "3.8.0"})
    talk.begin(brings_code=False)
    talk._connection.shutdown(socket.SHUT_WR)
    assert (talk.version, talk.other_end.recv(100)) == ("3.8.0", b"")


# ------------------------------------------------------------------------------------ the way


OWN = sys.version_info[:2]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere gdb is no way")
@pytest.mark.parametrize(
    "known, has_remote_exec, has_gdb, is_registered, expected",
    [
        # Before 3.14 there is only gdb.
        ({"version": (3, 9)}, True, True, False, ["_by_gdb"]),
        ({"version": (3, 9)}, True, False, False, []),
        ({"version": (3, 9)}, True, True, True, ["ask_by_signal", "_by_gdb"]),
        # Between equal versions this interpreter can do it; one of an unknown version is tried.
        ({"version": (3, 77)}, True, True, False, ["_by_its_own_interpreter", "_by_gdb"]),
        ({"version": (3, 77)}, False, False, False, ["_by_its_own_interpreter"]),
        ({"version": (3, 77), "program": "/nowhere"}, True, True, False, ["_by_gdb"]),
        ({"version": None}, True, True, False, ["_by_remote_exec", "_by_gdb"]),
        ({"version": None}, False, True, False, ["_by_gdb"]),
        # Its files aren't ours.
        ({"version": (3, 77), "is_elsewhere": True}, True, True, False, ["_by_gdb"]),
        # Only CPython can be attached to.
        ({"runs_pypy": True}, True, True, True, ["ask_by_signal"]),
        ({"runs_pypy": True}, True, True, False, []),
    ],
)
def test_the_ways(monkeypatch, known, has_remote_exec, has_gdb, is_registered, expected):
    if has_remote_exec:
        monkeypatch.setattr(sys, "remote_exec", len, raising=False)
    else:
        monkeypatch.delattr(sys, "remote_exec", raising=False)
    monkeypatch.setattr(attaching, "find_gdb", lambda: "gdb" if has_gdb else None)
    monkeypatch.setattr(attaching, "may_be_asked", lambda process: is_registered)
    monkeypatch.setattr(attaching, "nobody_else_can_replace", lambda path: True)
    process = Described(**{"program": sys.executable, **known})
    assert [way.__name__ for way in attaching._ways(process)] == expected


def test_a_program_that_others_can_replace_is_not_run(monkeypatch, tmp_path):
    monkeypatch.setattr(attaching, "find_gdb", lambda: None)
    monkeypatch.setattr(attaching, "may_be_asked", lambda process: False)
    program = tmp_path / "python3.77"
    program.touch()
    tmp_path.chmod(0o777)
    process = Described(version=(3, 77), program=str(program))
    assert attaching._ways(process) == []


@pytest.fixture
def ways(monkeypatch):
    """Lets there be two ways, which do what is given; tells how long each was to wait."""

    def make(*doings):
        waited = []

        def way_of(doing):
            def way(process, seconds):
                waited.append(seconds)
                if isinstance(doing, Exception):
                    raise doing
                return [doing]

            return way

        found = [way_of(doing) for doing in doings]
        monkeypatch.setattr(attaching, "_ways", lambda process: found)
        monkeypatch.setattr(attaching, "WORDS", dict.fromkeys(found, "{}"))
        return waited

    return make


def accepted(**known):
    return attaching._accepted(Described(**known), 10.0, len)[0]


def test_the_next_way_is_tried(ways):
    waited = ways(AttachError("first"), "connection")
    assert accepted() == "connection"
    assert waited == [attaching.SECONDS_FOR_FIRST_WAY, 10.0]


def test_the_first_way_may_do(ways):
    waited = ways("connection", AttachError("second"))
    assert accepted() == "connection"
    assert len(waited) == 1


@pytest.mark.parametrize(
    "errors, said",
    [
        ([AttachError("first"), TimeIsUp("second")], "first"),
        ([TimeIsUp("first"), AttachError("second")], "second"),
        ([TimeIsUp("first"), TimeIsUp("second")], "first"),
    ],
)
def test_which_error_is_told(ways, errors, said):
    """One that tells more than that the time is up."""
    ways(*errors)
    with pytest.raises(AttachError, match=f"^{said}$"):
        accepted()


def test_no_way_is_tried_into_what_has_ended(ways):
    waited = ways(AttachError("It has ended."), "connection")
    with pytest.raises(AttachError, match="It has ended"):
        accepted(is_alive=False)
    assert len(waited) == 1


@pytest.mark.parametrize(
    "known, platform, said",
    [
        ({"runs_pypy": True}, "linux", "runs PyPy, which can't be attached to"),
        ({"version": (3, 9)}, "linux", r"\(here it is 3.9\) it takes gdb. Install gdb"),
        ({}, "linux", r"\(here the version of it is unknown\)"),
        ({"version": (3, 9)}, "darwin", "Use Python 3.14 or later there"),
    ],
)
def test_there_is_no_way(ways, monkeypatch, known, platform, said):
    ways()
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(AttachError, match=said):
        accepted(**known)


@pytest.mark.parametrize(
    "known, said",
    [
        ({"is_alive": False}, "has ended"),
        ({"state": "T"}, "is stopped. Continue it first"),
        ({"tracer": 7}, "is being traced by process 7"),
    ],
)
def test_the_state_that_it_is_in(monkeypatch, known, said):
    monkeypatch.setattr(attaching, "SECONDS_FOR_TRACER", 0.05)
    with pytest.raises(AttachError, match=said):
        attaching._check_state(Described(**known))


def test_a_tracer_may_let_go(monkeypatch):
    class LetGo(Described):
        tracer = property(lambda self: next(tracers))

    tracers = iter([7, 7, 0, 0])
    monkeypatch.setattr(attaching.time, "sleep", lambda seconds: None)
    attaching._check_state(LetGo())
    assert list(tracers) == []


@pytest.fixture
def interpreter(tmp_path, monkeypatch):
    """A program that is run in place of the process's interpreter; its words are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def make(script):
        program = tmp_path / "python3.77"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        return Described(version=(3, 77), program=str(program))

    return make


def test_its_own_interpreter_says_why_not(interpreter):
    process = interpreter("echo whatever >&2; echo 'PermissionError: no' >&2; exit 1")
    with pytest.raises(AttachError, match="can't be attached to: PermissionError: no$"):
        attaching._by_its_own_interpreter(process, 1)


def test_its_own_interpreter_fails_silently(interpreter):
    with pytest.raises(AttachError, match="can't be attached to: $"):
        attaching._by_its_own_interpreter(interpreter("exit 3"), 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody is woken")
def test_its_own_interpreter_is_told_the_script(interpreter, tmp_path):
    """It has no effect here, so the time is up; the process is gone when it is to be woken."""
    process = interpreter(f'echo "$5" >> {tmp_path}/told; cat "$6" >> {tmp_path}/told')
    with pytest.raises(AttachError, match="has not answered for 0.2 seconds|has ended"):
        attaching._by_its_own_interpreter(process, 0.2)
    first, rest = (tmp_path / "told").read_text().split("\n", 1)
    assert int(first) == process.pid
    assert "def begin():" in rest


# ------------------------------------------------------------------------------------ signals


@pytest.mark.parametrize("name", ["SIGUSR1", "USR1", "usr1", str(int(signal_number("USR1")))])
def test_the_names_of_a_signal(name):
    import signal

    assert signal_number(name) == signal.SIGUSR1


@pytest.mark.parametrize("name", ["", "0", "9999", "NAL", "_DFL", "SIG_IGN", "ITIMER_REAL", "X"])
def test_no_name_of_a_signal(name):
    with pytest.raises(AttachError, match=f"There is no signal {name}: see kill -l"):
        signal_number(name)


def handled(monkeypatch, handles, is_alive=True):
    monkeypatch.setattr(Process, "handles", lambda self, number: handles)
    monkeypatch.setattr(Process, "is_alive", is_alive)


def test_a_signal_is_sent_only_where_it_is_handled(monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda pid, number: number and sent.append(number))
    handled(monkeypatch, None)
    with pytest.raises(AttachError, match="isn't known whether"):
        send_signal(5, "USR1")
    handled(monkeypatch, False)
    with pytest.raises(AttachError, match="has no handler for USR1"):
        send_signal(5, "USR1")
    handled(monkeypatch, True, is_alive=False)
    with pytest.raises(AttachError, match="has ended"):
        send_signal(5, "USR1")
    assert sent == []
    handled(monkeypatch, True)
    send_signal(5, "USR1")
    assert sent == [signal_number("USR1")]


@pytest.mark.parametrize(
    "error, said", [(ProcessLookupError, "has ended"), (PermissionError, "is another user's")]
)
def test_a_signal_that_can_not_be_sent(monkeypatch, error, said):
    def kill(pid, number):
        if number:
            raise error

    handled(monkeypatch, True)
    monkeypatch.setattr(os, "kill", kill)
    with pytest.raises(AttachError, match=f"Process 5 {said}"):
        send_signal(5, "USR1")
