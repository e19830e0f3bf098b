"""The parts of a dump that matter where a file, a thread or a signal can't be had."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import types

import pytest

import stackscope
from stackscope import dumps
from stackscope.render import stream
from stackscope.render.stream import FileBeyondBuffers
from tests.helpers.targets import fill

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="it has other signals and pipes")


class Output:
    """A file that takes so much of what it is given, each time."""

    def __init__(self, *takes):
        self.takes = list(takes)
        self.taken = b""
        self.is_closed = False

    def encoded(self, lines):
        return "".join(lines).encode()

    def write_bytes(self, data, patience, longest):
        most = self.takes.pop(0) if self.takes else len(data)
        if most is None:
            return None
        self.taken += data[:most]
        return data[most:]

    def close(self):
        self.is_closed = True


@pytest.fixture
def no_threads(monkeypatch):
    """There are too many already."""

    def start(*args):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(
        dumps, "_original", lambda name: start if "start" in name else threading.Lock
    )


def test_the_rest_is_written_at_once_without_a_thread(no_threads):
    output = Output(3)
    writer = dumps._Writer(output)
    assert writer.write(["abc", "def"]) is True
    assert output.taken == b"abcdef"
    assert dumps._busy == []
    assert writer.is_busy.acquire(False)


def test_the_rest_is_written_at_once_while_the_process_is_forked(monkeypatch):
    monkeypatch.setattr(dumps, "_forking", [True])
    output = Output(3)
    assert dumps._Writer(output).write(["abc", "def"]) is True
    assert output.taken == b"abcdef"


def test_what_comes_meanwhile_is_written_after_the_rest(no_threads):
    output = Output()
    writer = dumps._Writer(output)
    real = output.write_bytes

    def write_bytes(data, patience, longest):
        if data == b"rest" and not output.is_closed:
            writer.rest.append(b", more")
            writer.close()  # as soon as all is written
        return real(data, patience, longest)

    output.write_bytes = write_bytes
    writer.rest.append(b"rest")
    writer._go_on()
    assert output.taken == b"rest, more"
    assert output.is_closed


def test_a_file_that_takes_nothing_any_more():
    writer = dumps._Writer(Output(None))
    assert writer.write(["abc"]) is False
    assert writer.rest == []


def test_a_forked_process_has_no_rest_of_its_parent(monkeypatch):
    writer = dumps._Writer(Output())
    writer.rest.append(b"of the parent")
    writer.is_busy.acquire()  # by a thread that isn't here
    writer.pid = 1 << 30
    assert writer.write(["own"]) is True
    assert writer.output.taken == b"own"


def test_a_fork_waits_for_what_is_being_written(monkeypatch):
    waited = []
    monkeypatch.setattr(dumps, "_busy", [types.SimpleNamespace(wait=lambda: waited.append(1))])
    monkeypatch.setattr(dumps, "_forking", [])
    monkeypatch.setattr(dumps.time, "sleep", waited.append)
    dumps._before_fork()
    assert waited == [1, dumps.SECONDS_TO_END]
    assert dumps._forking == [True]


def test_a_request_that_there_is_no_thread_for(no_threads, monkeypatch):
    """The signal was one of the command's all the same: no dump is written."""
    box = types.SimpleNamespace(take=lambda: [b"{}"])
    monkeypatch.setattr(dumps, "_mailbox", box)
    assert dumps._answers_request() is True
    box.take = lambda: None
    assert dumps._answers_request() is False


def test_what_gevent_has_replaced_is_not_used(monkeypatch):
    found = object()
    saved = {"_thread": {"start_new_thread": found}}
    monkey = types.SimpleNamespace(
        saved=saved, get_original=lambda module, name: saved[module][name]
    )
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    assert dumps._original("start_new_thread") is found
    assert dumps._original("allocate_lock") is _thread.allocate_lock
    assert dumps._original("no_such_name") is None


def test_a_watch_is_cancelled_twice(tmp_path):
    with open(tmp_path / "file", "w") as file:
        stackscope.dump_after(100, file=file)
        watch = dumps._watch
        stackscope.cancel_dump_after()
        watch.cancel()


# ---------------------------------------------------------------------------------- signals


@UNIX
def test_a_chained_signal_that_does_no_harm(tmp_path):
    """Its default is called by giving up the handler for a moment."""
    with open(tmp_path / "file", "w+") as file:
        stackscope.register(signal.SIGWINCH, file, chain=True)
        try:
            ours = signal.getsignal(signal.SIGWINCH)
            for _ in range(2):
                signal.raise_signal(signal.SIGWINCH)
                assert signal.getsignal(signal.SIGWINCH) is ours
        finally:
            stackscope.unregister(signal.SIGWINCH)
        assert signal.getsignal(signal.SIGWINCH) == signal.SIG_DFL
        file.seek(0)
        lines = [
            line for line in file if line.startswith("+++ ") and "is doing on SIGWINCH" in line
        ]
    assert len([line for line in lines if line.startswith("+++ stackscope: ")]) == 2


@UNIX
def test_a_signal_costs_the_same_however_deep_the_stack_is_where_another_is_answered(
    monkeypatch, tmp_path
):
    """Where it costs more each time, signals that come fast enough fill the stack."""
    lines = []

    def tracer(frame, event, arg):
        lines[-1] += event == "line"
        return tracer

    def is_called_by(*args):
        """The first one is interrupted at once, before anything of a dump was done."""
        if len(lines) < len(depths):
            lines.append(0)
            before = sys.gettrace()
            sys.settrace(tracer)
            try:
                signal.raise_signal(signal.SIGUSR2)
            finally:
                sys.settrace(before)
        return original(*args)

    def at_depth(depth):
        return at_depth(depth - 1) if depth else signal.raise_signal(signal.SIGUSR2)

    original = dumps.is_called_by
    monkeypatch.setattr(dumps, "is_called_by", is_called_by)
    with open(tmp_path / "file", "w+") as file:
        stackscope.register(signal.SIGUSR2, file)
        depths = []
        try:
            for depth in (1, 200):
                depths.append(depth)
                at_depth(depth)
        finally:
            stackscope.unregister(signal.SIGUSR2)
        file.seek(0)
        assert file.read().count("+++ stackscope: ") == len(depths)  # one was dropped each time
    shallow, deep = lines
    assert 0 < deep == shallow


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="there are no real-time signals")
def test_the_name_of_a_signal_that_has_none():
    number = signal.SIGRTMIN + 1
    assert dumps._signal_name(number) == f"signal {int(number)}"


@UNIX
def test_the_end_of_the_interpreter_in_another_thread(monkeypatch, tmp_path):
    """There, nobody can change what a signal does."""
    with open(tmp_path / "file", "w") as file:
        stackscope.register(signal.SIGUSR2, file)
        try:
            thread = threading.Thread(target=dumps._at_exit)
            thread.start()
            thread.join()  # it has raised nothing: pytest would tell
            assert signal.getsignal(signal.SIGUSR2) is dumps._on_signal
        finally:
            stackscope.unregister(signal.SIGUSR2)


# ------------------------------------------------------------------------------------ files


@UNIX
def test_a_pipe_of_which_nothing_is_known_is_written_to_by_a_thread():
    """There is no telling whether writing would wait."""
    reader, writer = os.pipe()
    try:
        file = FileBeyondBuffers(writer, "file")
        assert file.write_bytes(b"abc", 0, 1) == b"abc"
        assert file.write_bytes(b"abc", 0.1, 1) == b""
        assert os.read(reader, 10) == b"abc"
    finally:
        os.close(reader)
        os.close(writer)


@UNIX
@pytest.mark.parametrize("has_poll", [True, False])
def test_a_pipe_that_stays_full(has_poll):
    import select

    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        file = FileBeyondBuffers(writer, "file")
        if has_poll:
            file._poll = select.poll
        fill(writer)
        data = bytes(10_000)  # there may be some room for less
        assert data.endswith(file.write_bytes(data, 0.05, 1) or b"none is left")
        assert data.endswith(file.write_bytes(data, 1, 0.05) or b"none is left")
    finally:
        os.close(reader)
        os.close(writer)


@UNIX
def test_another_descriptor_where_the_file_can_not_be_opened_again(monkeypatch):
    def fails(*args):
        raise PermissionError

    reader, writer = os.pipe()
    try:
        for replacement in (fails, lambda *args: os.dup(reader_of_another)):
            other, reader_of_another = os.pipe()
            with monkeypatch.context() as patched:
                patched.setattr(stream.os, "open", replacement)
                second = stream._second_descriptor(writer)
            assert second != writer
            assert os.fstat(second).st_ino == os.fstat(writer).st_ino
            for number in (second, other, reader_of_another):
                os.close(number)
    finally:
        os.close(reader)
        os.close(writer)


@UNIX
def test_a_descriptor_that_is_another_file_s_by_now_is_left_alone():
    reader, writer = os.pipe()
    other_reader, other_writer = os.pipe()
    file = FileBeyondBuffers(writer, "file")
    os.dup2(other_writer, writer)
    try:
        assert file.write_bytes(b"abc", 0.1, 1) is None
        file.close()
        os.write(writer, b"is open")
        assert os.read(other_reader, 20) == b"is open"
    finally:
        for number in (reader, writer, other_reader, other_writer):
            os.close(number)
