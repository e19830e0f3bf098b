"""What answers in the process that is asked, in this one."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading

import pytest

from stackscope import Snapshot
from stackscope.answering import serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no sockets of Unix")


def answers(*requests):
    """What is sent to who asks so, and then goes."""
    todo, sent = [*requests, None], []
    serving.serve(lambda: todo.pop(0), sent.append)
    return sent


def test_a_snapshot():
    (answer,) = answers({})
    assert sorted(answer) == ["snapshot", "type"]
    snapshot = Snapshot.from_json(answer["snapshot"])
    assert not any(node.is_here for node in snapshot.threads)


def test_why():
    *told, answer = answers({"why": True})
    assert "diagnosis" in answer
    for message in told:
        assert message["type"] == "progress"
        (share,) = message["told"]
        assert 0 <= share <= 1


def test_an_error_is_sent_and_the_next_one_is_answered(monkeypatch):
    def fails(frame):
        raise ValueError("no")

    with monkeypatch.context() as patched:
        patched.setattr(serving, "take_snapshot", fails)
        assert answers({}, {}) == [{"type": "error", "text": "ValueError: no"}] * 2


def test_nobody_is_left_to_be_told(monkeypatch):
    def send(message):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        serving.serve(lambda: {}, send)


@pytest.fixture
def asking(tmp_path):
    """Asks, as the command does: what comes from the process, and what it gets."""
    before = os.getcwd()
    os.chdir(tmp_path)  # the path of a socket must be short
    server = socket.socket(socket.AF_UNIX)
    server.bind("s")
    server.listen()
    server.settimeout(10)

    def ask(our_secret=b"ours", sent=b"ours", folder=None, path="s"):
        request = {
            "folder": folder,
            "path": path,
            "its_secret": "its",
            "our_secret": our_secret.decode(),
        }
        thread = threading.Thread(
            target=serving._answer_request, args=[json.dumps(request).encode()]
        )
        thread.start()
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(3) == b"its"
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            found = b""
            while True:
                part = connection.recv(1 << 16)
                if not part:
                    break
                found += part
        thread.join(10)
        assert not thread.is_alive()
        return found

    yield ask
    server.close()
    os.chdir(before)


def test_who_does_not_know_the_secret_gets_nothing(asking):
    assert asking(sent=b"othr") == b""
    assert asking(sent=b"our") == b""
    assert asking(sent=b"") == b""


def test_who_knows_it_is_greeted(asking):
    hello = json.loads(asking()[8:].decode())
    assert hello == {"type": "hello", "version": sys.version.split()[0]}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="there is no way around")
def test_a_socket_whose_path_is_too_long(asking, tmp_path):
    assert b"hello" in asking(folder=str(tmp_path))


def test_a_request_is_answered_in_full(asking):
    request = json.dumps({}).encode()
    found = asking(sent=b"ours" + len(request).to_bytes(8, "big") + request)
    size = int.from_bytes(found[:8], "big")
    answer = json.loads(found[8 + size + 8 :].decode())
    assert answer["type"] == "answer"
    names = [node.name for node in Snapshot.from_json(answer["snapshot"]).threads]
    assert threading.current_thread().name in names


def test_a_request_that_means_nothing(asking):
    for request in (b"", b"{", b"[]", b"{}", b"\xff"):
        serving._answer_request(request)  # nobody is there to be told


def test_no_more_threads():
    """The caller is told, and no thread is taken for one of ours from then on."""

    def start(function, arguments):
        raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError):
        serving.answer_in_thread(b"{}", start)
    assert serving._beginning == []
