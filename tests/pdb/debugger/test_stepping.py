"""Stepping, also in a task or a generator that is focused."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import weakref

import pytest

from tests.pdb.focused import child, count, run, stop_in


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


class TestLibraries:
    """`step` goes on until the user's code is reached again."""

    def test_are_passed_over(self, scripted, library):
        def inner(number):
            return number

        session = scripted(*["s"] * 12, "c")
        session.stop()
        library.call(inner, 1)
        library.call(int, 1)
        done = True
        assert done
        assert f"{library.__file__}(" not in session.output
        seen = session.output
        assert seen.index("-> library.call(inner, 1)") < seen.index("-> def inner(number)")
        assert seen.index("-> return number") < seen.index("-> library.call(int, 1)")
        assert seen.index("-> library.call(int, 1)") < seen.index("-> done = True")

    @pytest.mark.parametrize("command", ["n", "r", "s"])
    def test_at_the_end_of_a_function_that_a_library_called(self, scripted, library, command):
        def inner():
            session.stop()
            return 1

        session = scripted("n", *[command] * 3, "c")
        library.call(inner)
        after = True
        assert after
        assert "-> return 1" in session.output
        assert f"{library.__file__}(" not in session.output
        assert "-> after = True" in session.output

    def test_next_at_the_end_of_a_coroutine_that_a_library_awaits(self, scripted, library):
        async def inner():
            session.stop()
            return 1

        async def main():
            await library.drive(inner)
            after = True
            assert after

        session = scripted(*["n"] * 3, "c")
        asyncio.run(main())
        assert f"{library.__file__}(" not in session.output
        assert "-> after = True" in session.output

    def test_an_exception_on_its_way_through_one(self, scripted, library):
        def inner():
            session.stop()
            raise KeyError

        session = scripted(*["n"] * 5, "c")
        with pytest.raises(KeyError):
            library.call(inner)
        assert f"{library.__file__}(" not in session.output
        assert "-> library.call(inner)" in session.output

    def test_are_stepped_into_if_wanted(self, scripted, library):
        session = scripted("skip off", *["s"] * 4, "c")
        session.stop()
        library.call(int, 1)
        assert "call()" in session.output

    def test_one_that_the_program_stopped_in_counts_as_the_users(self, scripted, library):
        session = scripted(*["s"] * 4, "c")
        library.stop(session)
        assert "-> def relay(function, *args):" in session.output

    def test_a_breakpoint_in_one_stops(self, scripted, library, fresh_settings):
        session = scripted(f"b {library.__file__}:4", "s", "s", "s", "c", "c")
        session.stop()
        library.call(int, 1)
        assert "result = relay(function, *args)" in session.output

    def test_breakpoint_there_stops_while_one_steps(self, scripted, library):
        session = scripted(*["s"] * 8, "c")
        session.stop()
        library.stop(session)
        assert "-> here = relay(int)" in session.output


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_other_tasks_are_not_stopped_in(scripted, fresh_settings, kind):
    """Where there are breakpoints, they are traced as well, and what they await comes to an end."""
    library = pytest.importorskip(kind)

    async def tick():
        while True:
            await library.sleep(0.001)

    async def steps():
        await library.sleep(0)
        session.stop()
        await library.sleep(0.03)
        await library.sleep(0.03)
        return 5

    async def in_asyncio():
        ticking = asyncio.ensure_future(tick())
        returned = await steps()
        ticking.cancel()
        return returned

    async def in_trio():
        async with library.open_nursery() as nursery:
            nursery.start_soon(tick)
            returned = await steps()
            nursery.cancel_scope.cancel()
        return returned

    session = scripted("b TestNext.test_waits_for_the_task", *["n"] * 5, "c")
    assert (asyncio.run(in_asyncio()) if kind == "asyncio" else library.run(in_trio)) == 5
    assert "tick()" not in session.output
    places = [reply.rpartition("-> ")[2] for reply in session.replies[1:6]]
    assert [place.strip() for place in places[:3]] == ["await library.sleep(0.03)"] * 2 + [
        "return 5"
    ]
    # On 3.10 and 3.11 nothing tells of the end of what is awaited but the next line.
    awaiting = ("returned = await steps()", "ticking.cancel()", "nursery.cancel_scope.cancel()")
    assert any(line in session.output for line in awaiting)
