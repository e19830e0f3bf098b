"""Which lines are commands and which are Python."""

from __future__ import annotations


class TestNames:
    def test_variables_named_like_commands(self, scripted):
        session = scripted(
            "tasks[0]",
            "tasks = [4]",
            "!tasks",
            "tasks + [5]",
            "ctx.real",
            "ctx is None",
            "tasks",
            "c",
        )

        def function():
            tasks = [3]
            ctx = 7
            session.stop()
            return tasks, ctx

        assert function() == ([4], 7)
        assert session.replies[0] == "3"
        assert session.replies[2] == "[4]"
        assert session.replies[3] == "[4, 5]"
        assert session.replies[4] == "7"
        assert session.replies[5] == "False"
        assert session.replies[6] == "No task is alive in this process."
