"""`threads` and `thread`."""

from __future__ import annotations

import re
import sys
import threading

import pytest

from tests.pdb.focused import stop_in

STOP_IN = stop_in.__code__.co_firstlineno + 1


class TestThreads:
    def test_all_are_shown(self, scripted, worker):
        session = scripted("threads", "threads a-wor", "threads nowhere", "c")
        stop_in(session)
        assert "MainThread" in session.replies[0]
        row = next(line for line in session.replies[0].splitlines() if "a-worker" in line)
        assert "waiting: Event.wait()" in row
        assert "work:" in row
        assert "MainThread" not in session.replies[1]
        assert "Nothing matches 'nowhere'. 'threads' shows all " in session.replies[2]
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

    def test_contexts_are_there_wherever_its_frames_are(self, scripted):
        outer, inner, entered = threading.Lock(), threading.Lock(), threading.Event()

        def work():
            with outer:
                entered.set()
                with inner:
                    pass

        thread = threading.Thread(target=work, name="in-with")
        with inner:
            thread.start()
            entered.wait()
            session = scripted(
                "thread in-with",
                "ctx",
                "where -c",
                "unfocus",
                "stack thread",
                "ctx",
                "threads",
                "c",
            )
            session.stop()
            entered.clear()
        thread.join()
        for reply in (session.replies[1], session.replies[5]):
            assert reply.startswith("Active in work, outermost first:\n  1 with outer:")
        assert "├ with outer:" in session.replies[2]
        if sys.implementation.name != "pypy":
            number = re.search(r"([0-9]+) MainThread", session.replies[6]).group(1)
            assert f"Lock.acquire(), held by {number}  work:" in session.replies[6]

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
        assert "is no longer in this frame, so nothing was assigned." in session.replies[5]
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
