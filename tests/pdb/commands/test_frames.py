"""`where`, `up`, `down` and `frame`."""

from __future__ import annotations

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
