"""`ctx`."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.pdb.programs import run


class TestCtx:
    def test_tree_and_the_way_in(self, scripted):
        session = scripted("ctx", "ctx 1", "where", "unfocus", "c")
        run(session)
        assert "1 with plain():" in session.replies[0]
        assert "plain()" in session.replies[1]
        assert session.prompts[2] == "(stackscope_pdb ctx 1)"
        assert 'yield "plain"' in session.replies[2]
        assert session.prompts[4] == "(stackscope_pdb)"

    def test_levels(self, scripted):
        session = scripted("task worker-1", "ctx", "ctx 1.1", "ctx 1", "ctx", "c")
        run(session)
        assert "1   async with resource(number) as got:" in session.replies[1]
        assert "1.1 " in session.replies[1]
        assert "async with held:" in session.replies[1]
        assert "There is nothing to move into: context 1.1" in session.replies[2]
        assert "1 async with held:" in session.replies[4]

    def test_unknown_number(self, scripted):
        session = scripted("ctx 7", "ctx x", "up", "ctx", "ctx 1", "c")
        run(session)
        assert session.replies[0] == "*** There is no context 7 in this frame. There are: 1."
        assert session.replies[1] == "*** There is no context x in this frame. There are: 1."
        assert session.replies[3] == "No context manager is active in run."
        assert session.replies[4] == "*** There is no context 1: none is active in this frame."

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
    def test_the_place_of_a_task_in_a_group_is_not_cut(self, scripted, monkeypatch):
        async def reads_what_comes(event):
            await event.wait()

        async def main():
            event = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(reads_what_comes(event), name="the reader of this group")
                await asyncio.sleep(0)
                session.stop()
                event.set()

        monkeypatch.setenv("COLUMNS", "98")
        session = scripted("ctx", "c")
        asyncio.run(main())
        (row,) = [line for line in session.replies[0].splitlines() if "the reader" in line]
        assert "this group  Event.wait()  reads_what_comes:" in row
        assert row.endswith("test_contexts.py")
