"""The help on commands, and the completion of their arguments."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stackscope_pdb.commands import registry
from tests.pdb.programs import program


class TestHelp:
    @pytest.mark.parametrize(
        "name", ["where", "w", "bt", "ctx", "tasks", "task", "unfocus", "frame", "up", "down"]
    )
    def test_every_command_has_help(self, scripted, name):
        session = scripted(f"help {name}", "c")
        session.stop()
        assert "No help" not in session.replies[0]
        assert len(session.replies[0].splitlines()) > 3

    def test_overview(self, scripted):
        session = scripted("help stackscope", "help", "c")
        session.stop()
        for name in ("where", "ctx", "tasks", "task ", "unfocus", "frame"):
            assert f"  {name}" in session.replies[0]
        assert "\nWhere to stop:\n  " in session.replies[0]
        grouped = [module for _, modules in registry.GROUPS for module in modules]
        assert {entry.module for entry in registry.commands()} == set(grouped)

    def test_all_help_fits_a_terminal_of_80_columns(self):
        texts = [entry.help for entry in registry.commands()]
        assert len(texts) > 15
        for line in [*registry.overview(80), *"\n".join(texts).splitlines()]:
            assert len(line) <= 80, line

    @pytest.mark.parametrize("width", [80, 60, 200])
    def test_lines_are_as_wide_as_the_terminal(self, scripted, monkeypatch, width):
        monkeypatch.setenv("COLUMNS", str(width))
        session = scripted("help stackscope", "c")
        session.stop()
        lines = session.replies[0].splitlines()
        assert max(map(len, lines)) <= width
        for entry in registry.commands():
            assert any(line.startswith(f"  {entry.usage}") for line in lines)

    def test_ours_come_first(self, scripted):
        session = scripted("help", "c")
        session.stop()
        first, _, rest = session.replies[0].partition("The commands of pdb: ")
        assert "\n  unfocus " in first
        assert {"until", "pp", "p", "next", "step", "break", "stackscope"} <= set(rest.split())
        assert not {"unfocus", "tasks", "w", "where", "u", "n", "s", "unt"} & set(rest.split())

    def test_help_fits_a_small_terminal(self, scripted, monkeypatch):
        """Of 24 lines of 80 columns; up to 3.12, the first one makes room for the next prompt."""
        monkeypatch.setenv("COLUMNS", "80")
        session = scripted("help", "c")
        session.stop()
        lines = session.replies[0].splitlines()
        assert len(lines) <= 24 - (sys.version_info >= (3, 13))
        assert max(map(len, lines)) <= 80


class TestCompletion:
    def complete(self, pdb, line):
        """What Tab offers at the end of ``line``, as `cmd.Cmd.complete` finds it."""
        name = line.split()[0]
        begin = len(line) if line.endswith(" ") else line.rfind(" ") + 1
        return getattr(pdb, f"complete_{name}")(line[begin:], line, begin, len(line))

    def test_arguments(self, scripted):
        session = scripted("c")
        found = {}
        stop = session.pdb.interaction

        def interaction(frame, tb):
            session.pdb.setup(frame, tb)
            for line in (
                "task work",
                "task ",
                "tasks wor",
                "where --",
                "w -c --h",
                "ctx ",
                "task a n",
            ):
                found[line] = self.complete(session.pdb, line)
            stop(frame, tb)

        session.pdb.interaction = interaction

        async def main():
            named = asyncio.ensure_future(asyncio.sleep(0))
            named.set_name("a name")
            await program(session)
            await named

        asyncio.run(main())
        assert found["task work"] == ["worker-0", "worker-1"]
        assert {"worker-0", "worker-1"} < set(found["task "])
        assert any(entry.isdecimal() for entry in found["task "])
        assert found["tasks wor"] == ["worker-0", "worker-1"]
        assert found["where --"] == ["--contexts", "--hidden"]
        assert found["w -c --h"] == ["--hidden"]
        assert found["ctx "] == ["1"]
