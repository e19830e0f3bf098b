"""`catch` and `watch`: stops where an exception is raised, or when a value changes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from stackscope_pdb import Pdb
from stackscope_pdb.facts import HAS_BACKENDS, HAS_MONITORING
from tests.helpers.repository import ROOT
from tests.pdb.focused import run as run_with_child

BACKENDS = [{"backend": name} for name in ("monitoring", "settrace")] if HAS_BACKENDS else [{}]


@pytest.fixture(params=BACKENDS, ids=lambda found: found.get("backend", "default"))
def session(request, scripted, fresh_settings):
    """Makes a session for each way of tracing, and checks that none is left on."""
    made = []
    tracer = sys.gettrace()

    def make(*commands):
        made.append(scripted(*commands, **request.param))
        return made[-1]

    yield make
    # It ends with the test itself.
    assert not tools_in_use()
    assert sys.gettrace() is tracer or sys.gettrace() is None
    assert not any(one.pdb.watched for one in made)
    sys.settrace(tracer)


def tools_in_use():
    if not HAS_MONITORING:
        return []
    return [i for i in range(6) if sys.monitoring.get_tool(i) == "stackscope_pdb"]


class Wanted(Exception):
    pass


class Derived(Wanted):
    pass


def raises(number):
    raise Derived(number)


def passes(number):
    return raises(number)


def handles(number):
    for one in iter([number]):
        try:
            passes(one)
        except Wanted:
            pass
    try:
        {}["no such key"]
    except KeyError:
        pass


class TestCatch:
    def test_once_where_it_is_raised(self, session):
        def program():
            debugger.stop()
            handles(1)
            handles(2)
            return 3

        debugger = session("catch Wanted", "catch", "c", "up", "n", "catch off", "c")
        program()
        assert debugger.replies[0] == "Stops where Wanted is raised."
        assert debugger.replies[1] == "Wanted"
        assert "Derived: 1" in debugger.replies[2]
        assert "-> raise Derived(number)" in debugger.replies[2]
        assert "-> return raises(number)" in debugger.replies[3]
        assert debugger.replies[5] == ""
        assert "Derived: 2" not in debugger.output

    def test_again_and_then_no_more(self, session):
        def program():
            debugger.stop()
            handles(1)
            for _ in range(2):
                handles(2)
            handles(3)

        debugger = session("catch Wanted", *["c"] * 3, "catch off Wanted", "catch", "c")
        program()
        assert "Derived: 1" in debugger.replies[1]
        assert "Derived: 2" in debugger.replies[2]
        assert "Derived: 2" in debugger.replies[3]
        assert "No exception" in debugger.replies[5]
        assert "Derived: 3" not in debugger.output
        assert debugger.output.count("-> raise Derived(number)") == 3
        assert not tools_in_use()

    def test_what_ends_iterators_is_meant_by_its_name_only(self, session):
        def program():
            debugger.stop()
            list(ended())
            for _ in range(2):
                next(iter([1]))
            try:
                next(iter([]))
            except StopIteration:
                pass

        def ended():
            yield from iter([1])

        debugger = session("catch Exception", "c")
        program()
        assert len(debugger.replies) == 2
        assert debugger.replies[1] == ""

        debugger.pdb.disarm()
        debugger = session("catch StopIteration", "c", "c")
        program()
        assert "-> next(iter([]))" in debugger.output

    def test_several_names_of_all_kinds(self, session):
        def program():
            debugger.stop()
            several = (ValueError, OSError)
            debugger.stop()
            for action in (lambda: int("x"), lambda: open("/no/such/file"), lambda: 1 / 0):
                try:
                    action()
                except (ValueError, OSError, ArithmeticError):
                    pass
            return several

        debugger = session(
            "catch asyncio.CancelledError, Wanted",
            "catch not.a.class.Known",
            "catch debugger",
            "catch 1 + 2",
            "catch off Nothing",
            "catch off",
            "c",
            "catch several",
            "c",
            "c",
            "c",
        )
        program()
        assert "asyncio.CancelledError" in debugger.replies[0]
        assert "isn't known so far" in debugger.replies[1]
        assert "isn't an exception class" in debugger.replies[2]
        assert "isn't the name of an exception" in debugger.replies[3]
        assert "isn't waiting for Nothing" in debugger.replies[4]
        assert "ValueError: " in debugger.replies[8]
        assert "FileNotFoundError: " in debugger.replies[9]
        assert "ZeroDivision" not in debugger.output

    def test_a_class_that_comes_later(self, session):
        def program():
            debugger.stop()

            class LaterError(Exception):
                pass

            try:
                raise LaterError(5)
            except LaterError:
                pass

        debugger = session("catch LaterError", "c", "c")
        program()
        assert "LaterError: 5" in debugger.replies[1]

    def test_in_tasks(self, session):
        async def child():
            await asyncio.sleep(0)
            handles(7)
            raise Wanted("out of the task")

        async def main():
            debugger.stop()
            await asyncio.gather(child(), return_exceptions=True)

        debugger = session("catch Wanted", "c", "tasks", "c", "c")
        asyncio.run(main())
        assert "Derived: 7" in debugger.replies[1]
        assert "raises:" in debugger.replies[2]
        assert "out of the task" in debugger.replies[3]
        assert len(debugger.replies) == 5

    def libraries_fail(self, debugger, library):
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: None)
            debugger.stop()
            loop.call_soon(library.relay, divmod, 1, 0)
            await asyncio.sleep(0.001)
            with contextlib.suppress(ZeroDivisionError):
                library.call(divmod, 1, 0)

        asyncio.run(main())

    def test_what_comes_out_of_a_library(self, session, library):
        debugger = session("catch ZeroDivisionError", "c", "p loop", "d", "p args", "c")
        self.libraries_fail(debugger, library)
        assert "ZeroDivisionError: " in debugger.replies[1]
        assert "-> library.call(divmod, 1, 0)" in debugger.replies[1]
        assert "EventLoop" in debugger.replies[2]
        assert "-> return function(*args)" in debugger.replies[3]
        assert debugger.replies[4] == "(1, 0)"
        assert debugger.output.count("ZeroDivisionError: ") == 1

    def test_what_libraries_raise_and_handle(self, session, library):
        debugger = session("catch ZeroDivisionError", "skip off", *["c"] * 3)
        self.libraries_fail(debugger, library)
        stops = [reply for reply in debugger.replies if "-> return function(*args)" in reply]
        assert len(stops) == 2

    def test_stepping_stops_once(self, session):
        def program():
            debugger.stop()
            try:
                raise Wanted(1)
            except Wanted:
                number = 2
            return number

        debugger = session("catch Wanted", *["n"] * 6, "p number", "c")
        program()
        assert debugger.output.count("Wanted: 1") == 1
        assert debugger.replies[-2] == "2"

    def test_in_what_is_stepped_over(self, session):
        def program():
            debugger.stop()
            handles(1)
            handles(2)
            number = 2
            return number

        debugger = session("catch Wanted", "n", "n", "c", "u", "catch off", "n", "c")
        program()
        assert "-> handles(1)" in debugger.replies[1]
        assert "Derived: 1" in debugger.replies[2]
        assert "Derived: 2" in debugger.replies[3]

    def test_with_breakpoints(self, session):
        def program():
            debugger.stop()
            handles(1)
            number = 2
            return number

        line = program.__code__.co_firstlineno + 4
        debugger = session("catch Wanted", f"b {line}", "c", "c", "clear 1", "c")
        program()
        assert "Derived: 1" in debugger.replies[2]
        assert "-> return number" in debugger.replies[3]

    @pytest.mark.parametrize("has_breakpoint", [False, True])
    def test_an_exception_that_comes_to_be_where_the_last_one_was(self, session, has_breakpoint):
        def program():
            debugger.stop()
            for _ in range(3):
                try:
                    {}["missing"]
                except KeyError:
                    pass
            return 1

        line = program.__code__.co_firstlineno + 7
        asked = [f"b {line}"] if has_breakpoint else ["p 1"]
        debugger = session("catch KeyError", *asked, "c", "c", "c", "clear 1", "c")
        program()
        assert [reply.count("KeyError: 'missing'") for reply in debugger.replies[2:5]] == [1, 1, 1]

    def test_after_quit_nothing_is_waited_for(self, session):
        import bdb

        def program():
            debugger.stop()
            handles(1)

        debugger = session("catch Wanted", "c", "q")
        with pytest.raises(bdb.BdbQuit):
            program()
        assert not tools_in_use()
        assert debugger.pdb.watched is None

    def test_nothing_is_kept(self, session):
        def program():
            class Local(Exception):
                pass

            thing = Local()
            known.append(weakref.ref(thing))
            known.append(weakref.ref(Local))
            debugger.stop()
            try:
                raise thing
            except Local:
                pass

        known = []
        debugger = session("catch Local", "c", "c")
        program()
        gc.collect()
        assert "Local" in debugger.replies[1]
        assert [one() for one in known] == [None, None]

    def test_refused_after_the_end(self, session):
        debugger = session("catch Wanted", "watch number", "q")
        try:
            raises(1)
        except Wanted as exc:
            error = exc.with_traceback(exc.__traceback__.tb_next)
        debugger.pdb.reset()
        debugger.pdb.interaction(None, error)
        assert "has ended" in debugger.replies[0]
        assert "has ended" in debugger.replies[1]


class TestWatch:
    def test_changes_are_shown(self, session):
        def program():
            debugger.stop()
            total = 0
            items = []
            for number in range(3):
                items.append(number)
                total = total + (number > 1) * 10
            return total

        debugger = session("watch total", "watch len(items)", "watch", *["c"] * 7)
        first = program.__code__.co_firstlineno
        program()
        replies = debugger.replies
        assert "NameError" in replies[0] or "UnboundLocalError" in replies[0]
        assert "total in program: (" in replies[2]
        assert f"total has changed in line {first + 2}:" in replies[3]
        assert "  new: 0" in replies[3]
        assert "  new: 0" in replies[4]
        assert "len(items) has changed" in replies[5]
        assert "  old: 0\n  new: 1" in replies[5]
        assert "  old: 1\n  new: 2" in replies[6]
        assert "  old: 2\n  new: 3" in replies[7]
        assert "total has changed" in replies[8]
        assert "  old: 0\n  new: 10" in replies[8]
        assert "program has ended, and with it 'watch total'" in debugger.output
        assert not tools_in_use()

    def test_in_a_coroutine_and_only_in_that_frame(self, session):
        async def worker(number):
            if number == 0:
                debugger.stop()
            total = number
            await asyncio.sleep(0)
            total += 100
            await asyncio.sleep(0)
            return total

        async def main():
            return await asyncio.gather(worker(0), worker(1), worker(2))

        debugger = session("watch total", "c", "c", "watch off total", "watch", "c")
        assert asyncio.run(main()) == [100, 101, 102]
        assert "  new: 0" in debugger.replies[1]
        assert "  old: 0\n  new: 100" in debugger.replies[2]
        assert "Nothing is watched" in debugger.replies[4]
        assert debugger.output.count("has changed") == 2

    def test_the_last_line_counts(self, session):
        def program(items):
            debugger.stop()
            items.append(1)

        debugger = session("watch items", "c", "c", "c")
        program([])
        assert debugger.output.count("items has changed") == 1

    def test_stepping_tells_it_once(self, session):
        def program():
            number = 1
            debugger.stop()
            number = 2
            number = 3
            return number

        debugger = session("watch number", "number = 5", "c", "c", "c")
        program()
        assert "old: 5\n  new: 2" in debugger.replies[2]

        debugger = session("watch number", "n", "n", "n", "c")
        program()
        assert debugger.output.count("number has changed") == 2
        assert "-> number = 2" in debugger.replies[1]
        assert "-> number = 3" in debugger.replies[2]
        assert "-> return number" in debugger.replies[3]

    def test_what_fails_is_told(self, session):
        class Odd:
            def __init__(self):
                self.count = 0

            def __repr__(self):
                if self.count:
                    raise ValueError("no repr")
                return "Odd"

        def program():
            odd = Odd()
            debugger.stop()
            odd.count = 1
            return odd

        debugger = session("watch odd", "watch 1 +", "watch odd.none", "c", "c")
        program()
        assert debugger.replies[0].endswith(": Odd")
        assert "is no expression" in debugger.replies[1]
        assert "AttributeError" in debugger.replies[2]
        assert "ValueError" in debugger.replies[3]

    def test_nothing_is_kept(self, session):
        class Thing:
            pass

        def program():
            thing = Thing()
            known.append(weakref.ref(thing))
            debugger.stop()
            thing.number = 1

        known = []
        debugger = session("watch thing.__dict__", "c", "c", "c")
        program()
        gc.collect()
        assert "number" in debugger.output
        assert known[0]() is None

    def test_in_the_frame_of_a_task(self, session):
        debugger = session("task kid", "watch total", "c", "c", "c")
        run_with_child(debugger)
        assert "Stops when total changes in child" in debugger.replies[1]
        assert "total has changed" in debugger.output

    def test_not_in_another_thread(self, session, worker):
        debugger = session("thread a-worker", "watch note", "c")
        debugger.stop()
        assert "'unfocus'" in debugger.replies[1]


def test_completion(scripted):
    found = {}
    session = scripted("c")
    standard = session.pdb.interaction

    def interaction(frame, tb):
        session.pdb.setup(frame, tb)
        found["catch Want"] = session.pdb.complete_catch("Want", "catch Want", 6, 10)
        found["catch KeyEr"] = session.pdb.complete_catch("KeyEr", "catch KeyEr", 6, 11)
        found["watch numb"] = session.pdb.complete_watch("numb", "watch numb", 6, 10)
        standard(frame, tb)

    session.pdb.interaction = interaction
    number = 12
    session.stop()
    assert number == 12
    assert found["catch Want"] == ["Wanted"]
    assert found["catch KeyEr"] == ["KeyError"]
    assert "number" in found["watch numb"]


THREADS = """\
import threading, time

def work(number):
    for _ in range(2):
        try:
            {}[number]
        except KeyError:
            pass

def wait(go_on):
    go_on.wait()
    work("early")

go_on = threading.Event()
early = threading.Thread(target=wait, args=[go_on])
early.start()
breakpoint()
go_on.set()
early.join()
late = threading.Thread(target=work, args=["late"])
late.start()
late.join()
work("main")
print("end", threading._trace_hook)
"""


def run_threads(tmp_path, *commands):
    (tmp_path / "program.py").write_text(THREADS, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=str(tmp_path),
        input="".join(f"{command}\n" for command in commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env={
            **os.environ,
            "PYTHONBREAKPOINT": "stackscope_pdb.set_trace",
            "PYTHONPATH": str(ROOT),
        },
        timeout=60,
    )


def test_other_threads_are_stopped(tmp_path):
    done = run_threads(tmp_path, "catch KeyError", *["c"] * 7)
    counts = [done.stdout.count(f"KeyError: '{name}'\n") for name in ("early", "late", "main")]
    assert counts == [2 * HAS_MONITORING, 2, 2]
    assert done.returncode == 0

    done = run_threads(tmp_path, "catch KeyError", "c", "p number", "catch", "catch off", "c")
    assert done.stdout.count("KeyError: '") == 1
    assert "(stackscope_pdb) KeyError\n" in done.stdout
    assert "end None\n" in done.stdout
    assert done.returncode == 0


def test_steps_and_quit_in_another_thread(tmp_path):
    done = run_threads(tmp_path, "catch KeyError", "c", "s", "s", "p 6 * 7", "q", "y")
    assert "-> except KeyError:" in done.stdout
    assert "-> pass" in done.stdout
    assert "42" in done.stdout
    assert "end" not in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1


@pytest.mark.skipif(not HAS_MONITORING, reason="there is no sys.monitoring")
def test_a_debugger_of_another_kind_leaves_other_threads_alone(scripted, monkeypatch):
    monkeypatch.setattr(Pdb, "makes_debugger", None)
    session = scripted("catch Wanted", "c", "catch off", "c")

    def program():
        session.stop()
        thread = threading.Thread(target=handles, args=[1])
        thread.start()
        thread.join()
        handles(2)

    program()
    assert "Derived: 2" in session.replies[1]
    assert "Derived: 1" not in session.output
    session.pdb.disarm()
