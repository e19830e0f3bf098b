"""`where`, `up`, `down` and `frame`."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest
import trio
import trio.testing

from tests.pdb.programs import run


class TestWhere:
    def test_numbers_frames_and_marks_the_current_one(self, scripted):
        session = scripted("where", "up", "where", "c")
        run(session)
        marked = [line for line in session.replies[0].splitlines() if line.startswith(">")]
        assert len(marked) == 1
        assert "program in " in marked[0]
        moved = [line for line in session.replies[2].splitlines() if line.startswith(">")]
        assert "run in " in moved[0]

    def test_folds_the_event_loop(self, scripted):
        session = scripted("where", "where --hidden", "c")
        run(session)
        assert session.replies[0].count("'where --hidden' shows them") == 1
        assert "asyncio folded" in session.replies[0]
        assert "run_until_complete" not in session.replies[0]
        assert "run_until_complete" in session.replies[1]
        assert "folded" not in session.replies[1]

    def test_up_skips_folded_frames_and_frame_does_not(self, scripted):
        session = scripted("where", "up", "frame 0", "frame", "frame -1", "c")
        run(session)
        assert "run()" in session.replies[1]
        assert session.replies[2] == session.replies[3]
        assert "program()" in session.replies[4]

    def test_contexts(self, scripted):
        session = scripted("where --contexts", "w", "w -c", "c")
        run(session)
        assert "with plain():" in session.replies[0]
        assert "with plain():" not in session.replies[1]
        assert session.replies[2] == session.replies[0]

    def test_contexts_name_tasks_without_their_stacks(self, scripted):
        session = scripted("where --contexts", "task owner", "where --contexts", "c")

        async def child():
            await trio.sleep_forever()

        async def owner(task_status):
            async with trio.open_nursery() as group:
                group.start_soon(child, name="the child")
                task_status.started()

        async def main():
            async with trio.open_nursery() as outer:
                await outer.start(owner, name="the owner")
                await trio.testing.wait_all_tasks_blocked()
                session.stop()
                outer.cancel_scope.cancel()

        trio.run(main)
        assert re.search(r"task \d+ the owner\n", session.replies[0])
        assert "async with trio.open_nursery() as group" in session.replies[2]
        assert re.search(r"task \d+ the child\n", session.replies[2])
        for reply in session.replies[0], session.replies[2]:
            assert "sleep_forever" not in reply

    def test_fits_the_width(self, scripted):
        session = scripted("where --contexts --hidden", "tasks", "ctx", "c")
        run(session)
        assert max(map(len, session.output.splitlines())) <= 80

    def test_count_is_that_of_the_version(self, scripted):
        session = scripted("where 0", "where 1", "where", "c")
        run(session)
        if sys.version_info >= (3, 14):
            assert session.replies[0] == session.replies[1]
            assert session.replies[0].count("╠") == 1
        else:
            assert session.replies[0] == session.replies[1] == session.replies[2]

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("where x", "'x' is not a number of frames."),
            ("where --foo", "There is no option --foo here. There are: --contexts, -c, --hidden."),
            ("where 1 2", "One number of frames is enough: '1 2' is more."),
            ("frame x", "'x' is not the number of a frame."),
            ("up x", "'x' is not a number of frames."),
            ("down", "Newest frame"),
        ],
    )
    def test_wrong_arguments(self, scripted, command, answer):
        session = scripted(command, "p 1 + 1", "c")
        run(session)
        assert session.replies[0] == f"*** {answer}"
        assert session.replies[1] == "2"

    def test_frame_out_of_range(self, scripted):
        session = scripted("frame 999", "c")
        run(session)
        assert "There is no frame 999. The numbers go from 0 to " in session.replies[0]


class TestGreenlets:
    @pytest.fixture
    def stopped(self, scripted):
        greenlet = pytest.importorskip("greenlet", reason="greenlet isn't installed here")
        if sys.implementation.name == "pypy":
            pytest.skip("f_back goes on there")

        def stop_in_greenlet(*commands):
            session = scripted(*commands, "c")

            def in_greenlet():
                session.stop()

            def in_another():
                greenlet.greenlet(in_greenlet).switch()

            async def in_task():
                local = "of the task"  # noqa: F841
                greenlet.greenlet(in_another).switch()

            asyncio.run(in_task())
            return session

        return stop_in_greenlet

    def test_where_goes_on_into_the_parents(self, stopped):
        session = stopped("where", "up", "up", "p local", "up 100")
        names = re.findall(r"╠ (?:\w+\.)*(?:<locals>\.)?(\w+) in", session.replies[0])
        wanted = ["stopped_in_greenlet", "in_task", "in_another", "in_greenlet"]
        assert [name for name in names if name in wanted] == wanted[1:]
        assert session.replies[0].splitlines()[-2].startswith(">")
        assert "in_another()" in session.replies[1]
        assert "in_task()" in session.replies[2]
        assert session.replies[3] == "'of the task'"
        assert "Oldest frame" not in session.replies[4]

    def test_the_task_is_the_one_that_stopped(self, stopped):
        session = stopped("tasks", "task 1")
        assert "asyncio loop in MainThread, stopped: 1 task" in session.replies[0]
        assert session.replies[0].splitlines()[1].startswith(">")

    def test_a_variable_of_a_parent_can_be_changed(self, stopped):
        session = stopped("up 2", "!local = 'new'", "p local")
        assert session.replies[-2] == "'new'"
