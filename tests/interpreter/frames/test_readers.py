"""The reader of this interpreter, on frames in every state."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.facts import has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from tests.helpers.managers import Manager

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="only CPython's frames are read from memory"
)


def _moment(frame):
    return choosing.reader().moment(frame, frame.f_code)


def _managers(frame):
    """The managers of the live blocks, by slot."""
    analysis = analyze(frame.f_code)
    moment = _moment(frame)
    site = moment.pick(analysis)
    if site is None:
        assert not analysis.blocks
        return []
    found = moment.objects(site.reads)
    return [getattr(item, "__self__", item) for item in found]


def _same(found, expected):
    assert len(found) == len(expected)
    assert all(a is b for a, b in zip(found, expected))


def test_a_running_frame():
    first, second = Manager(), Manager()
    with first, second:
        _same(_managers(sys._getframe()), [first, second])
    _same(_managers(sys._getframe()), [])


def test_a_running_frame_that_calls():
    def look():
        return _managers(sys._getframe(1))

    manager = Manager()
    with manager:
        _same([None, look(), 1][1], [manager])


def test_a_running_frame_that_is_called_back_from_c():
    def key(_):
        found.append(_managers(sys._getframe(1)))
        return 0

    found = []
    manager = Manager()
    with manager:
        sorted([1], key=key)
    _same(found[0], [manager])


def test_a_suspended_generator():
    def program():
        with manager as held:
            [held, (yield)]

    manager = Manager()
    generator = program()
    assert _moment(generator.gi_frame) is None or generator.gi_frame.f_lasti <= 0 or True
    next(generator)
    _same(_managers(generator.gi_frame), [manager])


def test_a_suspended_coroutine():
    class Awaitable:
        def __await__(self):
            yield

    class AsyncManager:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *exc):
            pass

    async def program():
        async with manager:
            await Awaitable()

    manager = AsyncManager()
    coroutine = program()
    coroutine.send(None)
    _same(_managers(coroutine.cr_frame), [manager])
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_a_generator_that_is_running():
    def program():
        with manager:
            yield _managers(generator.gi_frame)

    manager = Manager()
    generator = program()
    _same(next(generator), [manager])


def test_a_frame_of_another_thread(in_a_thread):
    def program(wait):
        with manager, Manager():
            wait()

    manager = Manager()
    frame = in_a_thread(program)
    found = _managers(frame)
    assert found[0] is manager
    assert type(found[1]) is Manager


def _finished():
    with Manager():
        return sys._getframe()


def _raised():
    try:
        with Manager():
            raise ValueError
    except ValueError as exc:
        return exc.__traceback__.tb_frame


def _exhausted():
    def program():
        with Manager():
            yield sys._getframe()

    generator = program()
    frame = next(generator)
    list(generator)
    return frame


def _closed():
    def program():
        with Manager():
            yield sys._getframe()

    generator = program()
    frame = next(generator)
    generator.close()
    return frame


def _dropped():
    def program():
        with Manager():
            yield sys._getframe()

    return next(program())


@pytest.mark.parametrize("make", [_finished, _raised, _exhausted, _closed, _dropped])
def test_a_finished_frame(make):
    frame = make()
    assert _moment(frame) is None
    assert not choosing.reader().is_alive(frame)


def test_a_frame_that_was_cleared():
    frame = _raised()
    frame.clear()
    assert _moment(frame) is None


def test_running_and_suspended_frames_are_alive():
    def program():
        yield choosing.reader().is_alive(sys._getframe())
        yield

    generator = program()
    assert next(generator)
    assert choosing.reader().is_alive(generator.gi_frame)
    assert choosing.reader().is_alive(sys._getframe())


def test_not_begun():
    def program():
        with Manager():
            yield

    generator = program()
    moment = _moment(generator.gi_frame)
    if moment is not None:
        site = moment.pick(analyze(program.__code__))
        assert site is None or site.live == ()


def test_null_is_none_where_it_is_allowed():
    def look():
        moment = _moment(sys._getframe(1))
        with pytest.raises(FrameMoved):
            moment.objects([0])
        return moment.nullable([0, 1]), moment.addresses(2)

    def program(a, b):
        del a
        return look()

    thing = ["tracked"]
    values, addresses = program(1, thing)
    assert values == [None, thing]
    assert addresses == [0, id(thing)]


def test_a_frame_that_has_moved():
    def program():
        with Manager():
            yield
            yield

    generator = program()
    next(generator)
    moment = _moment(generator.gi_frame)
    site = moment.pick(analyze(program.__code__))
    assert len(moment.objects(site.reads)) == 1
    next(generator)
    with pytest.raises(FrameMoved):
        moment.objects(site.reads)
    with pytest.raises(FrameMoved):
        moment.addresses(1)
    with pytest.raises(FrameMoved):
        moment.nullable(site.reads)


def test_a_frame_that_has_ended():
    def program(manager):
        with manager:
            yield

    generator = program(Manager())
    next(generator)
    frame = generator.gi_frame
    moment = _moment(frame)
    site = moment.pick(analyze(program.__code__))
    generator.close()
    with pytest.raises(FrameMoved):
        moment.objects(site.reads)


def test_deep_value_stack():
    manager = Manager()
    with manager:
        found = [
            1,
            (2, [3, {4: (5, max(6, len([_managers(sys._getframe()) for _ in "x"]))) for _ in [1]}]),
            _managers(sys._getframe()),
        ]  # fmt: skip
    _same(found[-1], [manager])


def test_many_variables():
    lines = ["def program(managers, look):"]
    lines += [f"  v{i} = {i}" for i in range(1000)]
    lines += ["  with managers[0] as m:", "    return look()", "  def inner(): return v1, v2, v999"]
    namespace = {}
    exec("\n".join(lines), namespace)
    manager = Manager()
    found = namespace["program"]([manager], lambda: _managers(sys._getframe(1)))
    _same(found, [manager])


def test_reading_leaves_no_reference():
    manager = Manager()
    before = sys.getrefcount(manager)
    with manager:
        inside = sys.getrefcount(manager)
        for _ in range(1000):
            _managers(sys._getframe())
        assert sys.getrefcount(manager) == inside
    assert sys.getrefcount(manager) == before


def test_a_moment_keeps_nothing_of_the_frame_alive():
    """Except the frame itself, as long as the moment lives."""

    def program(manager):
        with manager:
            yield

    gc.disable()
    try:
        generator = program(Manager())
        next(generator)
        reference = weakref.ref(generator.gi_frame.f_locals["manager"])
        _managers(generator.gi_frame)
        del generator
        assert reference() is None
    finally:
        gc.enable()


def test_proves():
    assert choosing.reader().proves(sys._getframe())


@pytest.mark.skipif(not has_gil(), reason="without the GIL no other thread's frames are read")
def test_a_frame_that_never_holds_still():
    """A reading is right or refused, however fast the thread is."""

    def program():
        while not stop:
            with first:
                with second:
                    pass

    first, second = Manager(), Manager()
    stop = []
    thread = threading.Thread(target=program)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(2e-4)
    thread.start()
    seen = set()
    try:
        deadline = time.monotonic() + 60
        looks = 0
        while looks < 3000 or not seen:
            assert time.monotonic() < deadline
            looks += 1
            frame = sys._current_frames().get(thread.ident)
            while frame is not None and frame.f_code is not program.__code__:
                frame = frame.f_back
            if frame is None:
                continue
            try:
                moment = _moment(frame)
                site = moment.pick(analyze(frame.f_code))
                if site is None or site.exiting is not None:
                    continue
                found = moment.objects(site.reads)
            except FrameMoved:
                continue
            managers = [getattr(item, "__self__", item) for item in found]
            assert managers == [first, second][: len(managers)]
            seen.add(len(managers))
    finally:
        stop.append(True)
        thread.join()
        sys.setswitchinterval(interval)
