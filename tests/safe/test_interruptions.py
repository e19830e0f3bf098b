"""Ctrl-C, exits and what signal handlers raise reach the program, wherever in our work it is."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import signal
import sys
import time

import pytest

import stackscope
from stackscope.lowlevel import safe_repr
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import without_reprs
from tests.safe.injecting import WAYS, losses

SIGNALS = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs SIGUSR1")


class Raising:
    def __init__(self, exc):
        self.exc = exc

    def __repr__(self):
        raise self.exc


class Signalling:
    """Its ``repr`` is interrupted by a signal."""

    def __repr__(self):
        signal.raise_signal(signal.SIGUSR1)
        return "signalling"


@contextlib.contextmanager
def handling(handler):
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def ignore(*things):
    pass


def suspended(*things):
    """A generator in an exit stack that calls back with these things."""

    def program():
        with contextlib.ExitStack() as stack:
            for thing in things:
                stack.callback(ignore, thing)
            yield

    generator = program()
    next(generator)
    return generator


# ----------------------------------------------------------------- what passes


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_repr_that_ends_the_program(kind):
    """As ``print(obj)`` would."""
    with pytest.raises(kind):
        safe_repr([Raising(kind)])
    with pytest.raises(kind):
        str(stackscope.extract(suspended(Raising(kind))))
    with pytest.raises(kind):
        str(stackscope.extract(Raising(kind)))
    odd = type("Odd", (Exception,), {"__str__": Raising(kind).__repr__})
    with pytest.raises(kind):
        stackscope.Stack(None, [], error=odd()).format()


def test_ctrl_c_ends_the_whole_of_it_at_once():
    asked = []

    class Slow:
        def __repr__(self):
            asked.append(self)
            signal.raise_signal(signal.SIGINT)
            return "slow"

    generator = suspended(Slow(), Slow(), Slow())
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            str(stackscope.extract(generator))
    assert len(asked) == 2


class Handlers:
    """Handlers in all forms that `signal.signal` takes."""

    class Error(Exception):
        pass

    def method(self, signum, frame):
        raise self.Error

    def __call__(self, signum, frame):
        raise self.Error

    def more(self, extra, signum, frame):
        raise self.Error

    @classmethod
    def of_class(cls, *args):
        del args
        raise cls.Error

    @staticmethod
    def resetting(signum, frame):
        signal.signal(signum, signal.SIG_IGN)
        raise TimeoutError

    @staticmethod
    def failing(signum, frame):
        def deeper():
            raise Handlers.Error

        signal.signal(signum, signal.SIG_IGN)
        deeper()


def forms():
    handlers = Handlers()
    yield "method", handlers.method, Handlers.Error
    yield "object", handlers, Handlers.Error
    yield "partial", functools.partial(handlers.more, 5), Handlers.Error
    yield "partial of object", functools.partial(functools.partial(Handlers())), Handlers.Error
    yield "class method", handlers.of_class, Handlers.Error
    yield "failing", handlers.failing, Handlers.Error
    yield "resetting", handlers.resetting, TimeoutError
    yield "lambda", lambda *args: sys.exit(7), SystemExit


@SIGNALS
@pytest.mark.parametrize(("name", "handler", "kind"), [*forms()])
def test_what_a_handler_raises(name, handler, kind):
    thing = Signalling()
    looked_at = suspended(thing)

    def in_debugger():
        __stackscope_exits_stay__ = True
        safe_repr(thing)

    for work in (
        lambda: safe_repr({"a": [thing]}),
        lambda: str(stackscope.extract(looked_at)),
        lambda: str(stackscope.extract(thing)),
        in_debugger,
    ):
        with handling(handler), pytest.raises(kind):
            work()


@SIGNALS
def test_a_handler_that_looks_at_stacks_itself():
    """It isn't what has raised the errors that it meets."""
    found = []

    def handler(signum, frame):
        found.append(safe_repr(Raising(ValueError)))
        found.append(stackscope.extract(suspended(Raising(ValueError))).error)
        found.append(str(stackscope.extract_since(frame)))

    with handling(handler):
        signal.raise_signal(signal.SIGUSR1)
    assert "(repr raised ValueError)" in found[0]
    assert found[1] is None
    assert "test_a_handler_that_looks" in found[2]


def test_what_a_tracer_raises():
    """A debugger ends what it traces so."""

    class Quit(Exception):
        pass

    def tracer(frame, event, arg):
        if frame.f_code is Signalling.__repr__.__code__:
            raise Quit
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with pytest.raises(Quit):
            safe_repr(Signalling())
    finally:
        sys.settrace(before)


def test_what_is_kept():
    def look(frame, event):
        raise ValueError

    class Frames:
        def __repr__(self):
            look(sys._getframe(), "a frame")

    for kind in (ValueError, GeneratorExit, asyncio.CancelledError):
        assert "(repr raised " in safe_repr(Raising(kind))
    assert "(repr raised ValueError)" in safe_repr(Frames())


def test_exits_stay_where_a_debugger_or_a_dump_has_asked():
    def prompt(work):
        __stackscope_exits_stay__ = True
        return work()

    thing = Raising(SystemExit)
    assert "(repr raised SystemExit)" in prompt(lambda: safe_repr(thing))
    assert "(repr raised SystemExit)" in prompt(lambda: str(stackscope.extract(thing)))
    with pytest.raises(KeyboardInterrupt):
        prompt(lambda: safe_repr(Raising(KeyboardInterrupt)))

    class Item:
        pass

    @stackscope.unwrap_stackitem.register(Item)
    def unwrap(item):
        raise SystemExit

    with pytest.raises(SystemExit):
        stackscope.extract(Item())
    assert type(without_reprs(stackscope.extract, Item()).error) is SystemExit


def test_it_asks_an_exception_nothing():
    class Odd(Exception):
        @property
        def __class__(self):
            raise AssertionError

    assert not interrupts(Odd())


def test_errors_that_are_deep_cost_little():
    def dive(depth):
        if depth:
            dive(depth - 1)
        raise ValueError

    class Deep:
        def __repr__(self):
            dive(500)

    start = time.process_time()
    assert "(repr raised ValueError)" in safe_repr(Deep())
    assert time.process_time() - start < 1


# ------------------------------------------------- at every line, and afterwards


class Thing:
    def __repr__(self):
        return "thing"


@contextlib.contextmanager
def manager(thing):
    yield


def program():
    with manager(Thing()), contextlib.ExitStack() as stack:
        stack.callback(ignore, [Thing()])
        yield


@pytest.mark.parametrize("way", WAYS)
def test_at_every_line_of_extracting_and_drawing(way):
    """At others on each version of Python."""
    generator = program()
    next(generator)

    def work():
        stack = stackscope.extract(generator)
        assert stack.error is None
        return str(stack)

    work()
    assert losses(work, way, points=250 if way == "KeyboardInterrupt" else 60) == []


@pytest.mark.parametrize("way", WAYS)
def test_at_lines_of_an_exception(way):
    def chained():
        try:
            try:
                return 1 / 0
            except ZeroDivisionError as exc:
                raise ValueError(Thing()) from exc
        except ValueError as exc:
            return exc

    exception = chained()

    def work():
        stack = stackscope.extract(exception)
        assert stack.error is None
        return "".join(stack.format_flat(show_contexts=True))

    work()
    assert losses(work, way, points=40) == []


@pytest.mark.parametrize("way", WAYS)
def test_at_lines_of_a_snapshot(way):
    async def worker():
        with manager(1):
            await asyncio.sleep(99)

    for _ in range(4):  # tasks that other tests have left would make it shorter when they go
        gc.collect()
    loop = asyncio.new_event_loop()
    task = loop.create_task(worker(), name="worker")
    loop.run_until_complete(asyncio.sleep(0))

    def work():
        snapshot = stackscope.extract_all(threads=False)
        [node] = [node for node in snapshot.tasks() if node.task is task]
        assert node.stack.error is None
        return str(node.stack), "worker" in str(snapshot)

    try:
        work()
        assert losses(work, way, points=12) == []
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()


@pytest.mark.parametrize("way", WAYS)
def test_at_lines_of_a_drawing_without_reprs(way):
    stack = stackscope.Stack(Thing(), [], leaf=Thing(), error=ValueError(Thing()))

    def work():
        silent = without_reprs(stack.format)
        assert "thing" not in "".join(silent)
        assert "leaf" not in str(stack)
        assert safe_repr(Thing()) == "thing"
        return str(stack)

    work()
    assert losses(work, way, points=250 if way == "KeyboardInterrupt" else 60) == []


def test_no_extraction_goes_on_after_one_that_was_interrupted():
    class Item:
        pass

    @stackscope.unwrap_stackitem.register(Item)
    def unwrap(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stackscope.extract(Item())
    with pytest.raises(RuntimeError, match="only be called from within"):
        stackscope.extract_child(Item(), for_task=False)
