"""What is left of a stop when the program goes on, and when a command has failed."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

from tests.pdb.programs import program


class TestAfterwards:
    def test_nothing_is_kept_alive(self, scripted):
        class Thing:
            pass

        refs = []
        session = scripted(
            "task worker-0", "where -c", "ctx", "tasks", "display number", "unfocus", "up", "c"
        )

        async def main():
            thing = Thing()
            refs.append(weakref.ref(thing))
            await program(session)

        asyncio.run(main())
        session.pdb.stdin = None
        gc.collect()
        assert refs[0]() is None

    def test_tracing_is_off(self, scripted):
        before = sys.gettrace()
        session = scripted("c")

        def function():
            session.stop()
            return sys.gettrace(), sys._getframe().f_trace

        assert function() == (None, None)
        sys.settrace(before)

    def test_a_failing_command_does_not_end_the_session(self, scripted, monkeypatch):
        from stackscope_pdb.stop.session import Session

        def broken(self, **kwargs):
            raise OSError("broken on purpose")

        monkeypatch.setattr(Session, "extract", broken)
        session = scripted("where", "p 1", "c")
        session.stop()
        assert (
            "where failed, which is a bug in stackscope: OSError: broken on purpose"
            in session.output
        )
        assert session.replies[1] == "1"
