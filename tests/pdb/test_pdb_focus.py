"""`threads`, `thread`, `stack`, and `next` in what is focused."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import sys
import threading
import weakref

import pytest


async def child(gate, log):
    total = 1
    await gate.wait()
    total += 10
    log.append(total)
    return total


def count():
    number = 1
    yield number
    number = 2
    yield number


async def program(session, log):
    gate = asyncio.Event()
    task = asyncio.ensure_future(child(gate, log))
    task.set_name("kid")
    await asyncio.sleep(0)
    generator = count()
    next(generator)
    undriven = child(gate, log)
    try:
        1 / 0
    except ZeroDivisionError as exc:
        failure = exc
    session.stop()
    gate.set()
    await task
    undriven.close()
    del failure


def run(session):
    log = []
    asyncio.run(program(session, log))
    return log


@pytest.fixture
def worker():
    """A thread that waits, and what lets it go; it leaves the value of its variable in the list."""
    event = threading.Event()
    log = []

    def work():
        note = "as it was"
        event.wait()
        log.append(note)

    thread = threading.Thread(target=work, name="a-worker")
    thread.start()
    yield thread, event, log
    event.set()
    thread.join()


def stop_in(session):
    session.stop()
    return None


STOP_IN = stop_in.__code__.co_firstlineno + (1 if sys.version_info >= (3, 13) else 2)


class TestThreads:
    def test_all_are_shown(self, scripted, worker):
        session = scripted("threads", "threads a-wor", "threads nowhere", "c")
        stop_in(session)
        assert "MainThread" in session.replies[0]
        row = next(line for line in session.replies[0].splitlines() if "a-worker" in line)
        assert "running" in row
        assert "work:" in row
        assert "MainThread" not in session.replies[1]
        assert "No thread has 'nowhere' in its name or place." in session.replies[2]
        marked = [line for line in session.replies[0].splitlines() if line.startswith(">")]
        assert len(marked) == 1
        assert marked[0].split()[2:5] == ["MainThread", "stopped", "stop_in:%d" % STOP_IN]

    def test_focus_and_assignment(self, scripted, worker):
        thread, event, log = worker
        session = scripted(
            "thread a-worker", "p note", "note = 'changed'", "where", "up", "ctx", "p note",
            "unfocus", "where 0", "c",
        )  # fmt: skip
        stop_in(session)
        assert "-> event.wait()" in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb a-worker)"
        assert session.replies[1] == "'as it was'"
        assert "which goes on meanwhile:" in session.replies[3]
        assert "work in " in session.replies[3]
        assert session.prompts[8] == "(stackscope_pdb)"
        event.set()
        thread.join()
        assert log == ["changed"]

    def test_by_number(self, scripted, worker):
        session = scripted("threads a-worker", "c")
        stop_in(session)
        number = session.replies[0].split()[0]
        session = scripted(f"thread {number}", f"thread #{number}", "thread", "thread nobody", "c")
        stop_in(session)
        assert session.prompts[1] == "(stackscope_pdb a-worker)"
        assert session.prompts[2] == "(stackscope_pdb a-worker)"
        assert "Which thread?" in session.replies[2]
        assert "No thread is called 'nobody'. There are: " in session.replies[3]

    def test_the_stopped_one(self, scripted):
        session = scripted("thread MainThread", "c")
        stop_in(session)
        assert "The program stopped in thread " in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb)"

    @pytest.mark.parametrize("command", ["next", "n", "step", "return", "until", "jump 1"])
    def test_no_stepping(self, scripted, worker, command):
        session = scripted("thread a-worker", command, "c")
        stop_in(session)
        assert "it goes on at its own pace" in session.replies[1]
        assert session.prompts[2] == "(stackscope_pdb a-worker)"

    def test_assignment_to_a_frame_that_is_gone(self, scripted, worker):
        thread, event, log = worker
        session = scripted(
            "!other = worker", "thread a-worker", "!event.set()", "!import threading",
            "!threading.Event().wait(0.2)", "note = 1", "c",
        )  # fmt: skip
        stop_in(session)
        assert "has left this frame meanwhile, so nothing was assigned." in session.replies[5]
        assert log == ["as it was"]

    def test_a_variable_of_that_name_is_python(self, scripted):
        session = scripted("threads[0]", "thread.name", "threads", "c")

        def stop():
            threads, thread = ["first"], threading.current_thread()
            session.stop()
            return threads, thread

        stop()
        assert session.replies[0] == "'first'"
        assert session.replies[1] == "'MainThread'"
        assert re.search(r"MainThread +stopped", session.replies[2])


class TestStack:
    def test_a_generator(self, scripted):
        session = scripted("stack generator", "p number", "number = 7", "where", "next", "s", "c")
        run(session)
        assert "-> yield number" in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb generator)"
        assert session.replies[1] == "1"
        assert "'generator' (of type generator), which is suspended:" in session.replies[3]
        assert "'next' can't run 'generator'" in session.replies[4]
        assert "no task drives it" in session.replies[4]
        assert "'step' can't run 'generator'" in session.replies[5]

    def test_a_task_is_the_task(self, scripted):
        session = scripted("stack task", "c")
        run(session)
        assert "-> await gate.wait()" in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb kid)"

    def test_a_thread_is_the_thread(self, scripted, worker):
        session = scripted("!import threading", "stack threading.enumerate()[-1]", "c")
        stop_in(session)
        assert session.prompts[2] == "(stackscope_pdb a-worker)"

    def test_an_exception(self, scripted):
        session = scripted("stack failure", "where", "next", "c")
        run(session)
        assert "-> 1 / 0" in session.replies[0]
        assert "which has ended:" in session.replies[1]
        assert "an exception has ended it." in session.replies[2]

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("stack", "The stack of what?"),
            ("stack 3", "'3', which is of type int, has no stack."),
            ("stack nothing", "NameError: name 'nothing' is not defined"),
            ("stack undriven +", "SyntaxError"),
        ],
    )
    def test_refusals(self, scripted, command, answer):
        session = scripted(command, "c")
        run(session)
        assert answer in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb)"

    def test_a_coroutine_that_has_not_begun(self, scripted):
        session = scripted("stack undriven", "next", "c")
        run(session)
        assert "no task drives it" in session.replies[1]


class TestNext:
    def test_waits_for_the_task(self, scripted):
        session = scripted("task kid", "next", "p total", "n", "p log", "where 0", "c")
        assert run(session) == [11]
        assert "-> total += 10" in session.replies[1]
        assert session.prompts[2] == "(stackscope_pdb)"
        assert session.replies[2] == "1"
        assert "-> log.append(total)" in session.replies[3]
        assert session.replies[4] == "[]"

    def test_waits_for_that_task_among_alike_ones(self, scripted):
        async def main():
            gate, log = asyncio.Event(), []
            kids = [asyncio.ensure_future(child(gate, log)) for _ in range(4)]
            kids[2].set_name("third")
            await asyncio.sleep(0)
            session.stop()
            gate.set()
            await asyncio.wait(kids)

        session = scripted("task third", "next", "p log", "p total", "next", "c")
        asyncio.run(main())
        assert "-> total += 10" in session.replies[1]
        assert session.replies[2] == "[11, 11]"
        assert session.replies[3] == "1"
        assert "-> log.append(total)" in session.replies[4]

    def test_of_a_coroutine_that_a_task_drives(self, scripted):
        session = scripted("stack task.get_coro()", "next", "c")
        run(session)
        assert "-> total += 10" in session.replies[1]

    def test_the_selected_frame_counts(self, scripted):
        async def outer():
            await inner()
            return 1

        async def inner():
            await asyncio.sleep(0.01)
            return 2

        async def main():
            task = asyncio.ensure_future(outer())
            task.set_name("nest")
            await asyncio.sleep(0)
            session.stop()
            await task

        session = scripted("task nest", "up", "next", "c")
        asyncio.run(main())
        assert "-> return 1" in session.replies[2]

    def test_iterators_that_end_elsewhere_are_not_its_business(self, scripted):
        async def main():
            gate, log = asyncio.Event(), []
            task = asyncio.ensure_future(child(gate, log))
            task.set_name("kid")
            await asyncio.sleep(0)
            session.stop()
            with contextlib.suppress(StopIteration):
                next(iter(()))
            gate.set()
            await task

        session = scripted("task kid", "next", "c")
        asyncio.run(main())
        assert "-> total += 10" in session.replies[1]
        assert len(session.replies) == 3

    def test_a_task_that_is_cancelled_stops_there(self, scripted):
        async def forever():
            await asyncio.get_running_loop().create_future()

        async def main():
            task = asyncio.ensure_future(forever())
            task.set_name("stuck")
            await asyncio.sleep(0)
            session.stop()
            return task

        session = scripted("task stuck", "next", "c")
        asyncio.run(main())
        assert "CancelledError" in session.replies[1]

    def test_a_task_that_never_runs_again(self, scripted):
        async def main():
            gate = asyncio.Event()
            task = asyncio.ensure_future(gate.wait())
            task.set_name("stuck")
            await asyncio.sleep(0)
            stuck.append(task)
            session.stop()

        stuck = []
        session = scripted("task stuck", "next")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        sys.settrace(None)
        assert len(session.replies) == 2
        stuck[0].cancel()
        loop.run_until_complete(asyncio.wait(stuck))
        loop.close()

    def test_a_task_of_another_thread(self, scripted):
        ready, done = threading.Event(), threading.Event()

        async def far_away():
            asyncio.current_task().set_name("far")
            ready.set()
            while not done.is_set():  # noqa: ASYNC110  (an event of threads)
                await asyncio.sleep(0.01)

        thread = threading.Thread(target=lambda: asyncio.run(far_away()))
        thread.start()
        ready.wait()
        try:
            session = scripted("task far", "next", "c")
            stop_in(session)
        finally:
            done.set()
            thread.join()
        assert "its event loop runs in another thread" in session.replies[1]

    @pytest.mark.parametrize("command", ["step", "return", "until", "jump 3"])
    def test_the_others_say_so(self, scripted, command):
        session = scripted("task kid", command, "c")
        run(session)
        assert "only its event loop can resume it." in session.replies[1]
        assert "'next' stops when it comes to its next line." in session.replies[1]

    def test_nothing_is_kept(self, scripted):
        session = scripted("threads", "stack generator", "task kid", "next", "c")
        refs = []

        class Thing:
            pass

        async def holder(gate):
            thing = Thing()
            refs.append(weakref.ref(thing))
            await gate.wait()
            thing.done = True

        async def main():
            gate = asyncio.Event()
            task = asyncio.ensure_future(holder(gate))
            task.set_name("kid")
            generator = count()
            next(generator)
            await asyncio.sleep(0)
            session.stop()
            gate.set()
            await task
            del generator

        asyncio.run(main())
        assert "-> thing.done = True" in session.output
        gc.collect()
        assert refs[0]() is None
