"""The collector is held back for one call, and is afterwards as it was, or as the program wants."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading

import pytest

import stackscope
from stackscope.interpreter import collector
from stackscope.interpreter.collector import HELD, without_collections

pytestmark = pytest.mark.skipif(not collector.HAS_THRESHOLDS, reason="PyPy has no thresholds")


@pytest.fixture(autouse=True)
def thresholds():
    before = gc.get_threshold()
    gc.set_threshold(500, 11, 12)
    assert gc.isenabled()
    yield
    gc.enable()
    gc.set_threshold(*before)


def make_much(count=20_000):
    return [[number] for number in range(count)]


def collections_of(work):
    """How many collections begin while ``work`` is done, and what it gives."""
    begun = []
    callback = lambda phase, info: begun.append(phase)  # noqa: E731
    gc.callbacks.append(callback)
    try:
        result = work()
    finally:
        gc.callbacks.remove(callback)
    return begun.count("start"), result


def test_nothing_is_collected():
    assert collections_of(make_much)[0] > 2
    # One may begin when all is done.
    count, made = collections_of(lambda: without_collections(make_much))
    assert count <= 1
    assert len(made) == 20_000
    assert gc.get_threshold() == (500, 11, 12)


def test_nothing_is_collected_while_a_diagnosis_is_made():
    async def main():
        tasks = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(300)]
        await asyncio.sleep(0)
        snapshot = stackscope.extract_all()
        stackscope.diagnose(snapshot)  # imports what it needs
        gc.collect()
        count, diagnosis = collections_of(lambda: stackscope.diagnose(snapshot))
        for task in tasks:
            task.cancel()
        return count, diagnosis

    count, diagnosis = asyncio.run(main())
    assert count <= 1  # one may begin when all is done
    assert diagnosis.findings


@pytest.mark.skipif(collector.FREE_THREADED, reason="it has no generations")
@pytest.mark.usefixtures("unfrozen")
def test_what_was_made_is_not_looked_at_when_the_collector_comes_back():
    sizes = []

    def callback(phase, info):
        if phase == "start":
            sizes.append(len(gc.get_objects(generation=0)))

    gc.callbacks.append(callback)
    try:
        made = without_collections(make_much, 4 * collector.MANY)
        again = make_much(2_000)
    finally:
        gc.callbacks.remove(callback)
    assert sizes
    assert max(sizes) < collector.MANY, (sizes, len(made), len(again))


@pytest.mark.usefixtures("unfrozen")
def test_objects_that_are_frozen_stay_so():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        made = without_collections(make_much, 2 * collector.MANY)
        assert gc.get_freeze_count() >= frozen - 100  # some may have been dropped
        assert len(made) == 2 * collector.MANY
    finally:
        gc.unfreeze()


def test_after_an_exception():
    def fail():
        assert gc.get_threshold()[0] == HELD
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        without_collections(fail)
    assert gc.get_threshold() == (500, 11, 12)


@pytest.mark.parametrize("wanted", [0, 1, 500, 100_000])
def test_a_threshold_that_the_program_sets_meanwhile(wanted):
    without_collections(gc.set_threshold, wanted, 13, 14)
    assert gc.get_threshold() == (wanted, 13, 14)


def test_the_collector_that_the_program_turns_off_or_on_meanwhile():
    without_collections(gc.disable)
    assert not gc.isenabled()
    assert gc.get_threshold() == (500, 11, 12)
    without_collections(gc.enable)
    assert gc.isenabled()
    assert gc.get_threshold() == (500, 11, 12)


def test_one_call_inside_of_another():
    def inner():
        return gc.get_threshold()[0]

    def outer():
        return [without_collections(inner), gc.get_threshold()[0]]

    assert without_collections(outer) == [HELD, HELD]
    assert gc.get_threshold() == (500, 11, 12)


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_two_threads_at_once(first_ends_first):
    begun = [threading.Event(), threading.Event()]
    end = [threading.Event(), threading.Event()]

    def work(index):
        begun[index].set()
        assert end[index].wait(60)

    threads = [
        threading.Thread(target=without_collections, args=(work, index)) for index in range(2)
    ]
    for index, thread in enumerate(threads):
        thread.start()
        assert begun[index].wait(60)
    for index in (0, 1) if first_ends_first else (1, 0):
        end[index].set()
        threads[index].join(60)
    assert gc.get_threshold() == (500, 11, 12)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="sends a signal")
def test_in_a_signal_handler():
    inside = []

    def handle(number, frame):
        inside.append(without_collections(lambda: gc.get_threshold()[0]))

    before = signal.signal(signal.SIGALRM, handle)
    try:
        without_collections(lambda: signal.raise_signal(signal.SIGALRM))
        assert gc.get_threshold() == (500, 11, 12)
        signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert inside == [HELD, HELD]
    assert gc.get_threshold() == (500, 11, 12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile():
    begun, end = threading.Event(), threading.Event()

    def work():
        begun.set()
        assert end.wait(60)

    gc.set_threshold(600, 11, 12)
    without_collections(int)
    gc.set_threshold(500, 11, 12)  # the last one counts
    thread = threading.Thread(target=without_collections, args=(work,))
    thread.start()
    assert begun.wait(60)
    child = os.fork()
    if not child:
        os._exit(0 if gc.get_threshold() == (500, 11, 12) else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        end.set()
        thread.join(60)


@pytest.mark.skipif(sys.gettrace() is not None, reason="sets a trace function")
def test_an_exception_at_any_instruction():
    """It is put back wherever Ctrl-C comes."""
    # 3.8 goes on with an exception that is raised for a line; 3.12 tells of few instructions.
    step = "line" if sys.version_info[:2] == (3, 12) else "opcode"
    for position in range(1, 500):
        seen = 0

        def trace(frame, event, argument):
            nonlocal seen
            if frame.f_globals is not vars(collector):
                return None
            frame.f_trace_opcodes = True
            seen += event == step
            if event == step and seen == position:  # noqa: B023
                raise KeyboardInterrupt
            return trace  # noqa: B023

        sys.settrace(trace)
        try:
            without_collections(make_much, 1)
        except KeyboardInterrupt:
            pass
        else:
            break
        finally:
            sys.settrace(None)
        assert gc.get_threshold() == (500, 11, 12), position
    else:
        pytest.fail("it never came to the end")
    assert position > 10
