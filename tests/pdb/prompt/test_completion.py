"""Completion of commands, arguments and Python names."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from stackscope_pdb.prompt import completion


class Watched:
    """Its properties must not run."""

    __slots__ = ("slot", "__dict__")
    ran = []

    def __init__(self):
        self.slot = {}
        self.stored = self.__dict__["again"] = []

    @property
    def computed(self):
        self.ran.append("computed")
        return self

    def __getattr__(self, name):
        self.ran.append(name)
        raise AttributeError(name)

    def __dir__(self):
        self.ran.append("dir")
        return []

    def method(self):
        self.ran.append("method")
        return self


class Meta(type):
    def __getattr__(cls, name):
        Watched.ran.append(name)
        raise AttributeError(name)


class WithMeta(metaclass=Meta):
    constant = "text"


@pytest.fixture
def complete(scripted):
    """Completes texts at a stop with some variables."""

    def run(*texts):
        found = {}
        session = scripted("c")

        def stop():
            watched, cls, module, tasks = Watched(), WithMeta, os, 1
            session.stop()
            return watched, cls, module, tasks

        original = session.pdb.postcmd

        def look(stop, line):
            for text in texts:
                start, names = completion.completions(session.pdb, text)
                found[text] = [text[:start] + name for name in names]
            return original(stop, line)

        original_pre = session.pdb.precmd
        session.pdb.precmd = lambda line: (look(None, line), original_pre(line))[1]
        stop()
        sys.settrace(None)
        return [found[text] for text in texts]

    return run


def test_commands_and_names(complete):
    tas, empty, unf, wat = complete("tas", "", "unf", "wat")
    assert tas == ["task", "tasks"]
    assert "where" in empty
    assert "tasks" in empty
    assert unf == ["unfocus"]
    assert wat == ["watch", "watched"]


def test_attributes_without_running_anything(complete):
    del Watched.ran[:]
    found = complete(
        "p watched.co", "watched.st", "watched.computed.", "watched.stored.app", "watched.slot.ke",
        "watched.method().x", "cls.con", "cls.constant.upp", "module.path.joi", "watched.nowhere.x",
        "[watched.sl", "nothing.x", "watched.__di", "p cls.constant.",
    )  # fmt: skip
    assert found[0] == ["p watched.computed"]
    assert found[1] == ["watched.stored"]
    assert found[2] == []
    assert found[3] == ["watched.stored.append"]
    assert found[4] == ["watched.slot.keys"]
    assert found[5] == []
    assert found[6] == ["cls.constant"]
    assert found[7] == ["cls.constant.upper"]
    assert found[8] == ["module.path.join"]
    assert found[9] == []
    assert found[10] == ["[watched.slot"]
    assert found[11] == []
    assert "watched.__dir__" in found[12]
    assert "p cls.constant.split" in found[13]
    assert not any("._" in name for name in found[13])
    assert Watched.ran == []


def test_readline_does_not_run_properties_either(scripted):
    session = scripted("c")
    watched = Watched()
    del Watched.ran[:]
    got = []
    original = session.pdb.precmd

    def look(line):
        got[:] = session.pdb.complete_p("watched.comp", "p watched.comp", 2, 14)
        got.extend(
            session.pdb.completedefault("watched.computed.s", "watched.computed.s", 0, 18) or []
        )
        return original(line)

    session.pdb.precmd = look
    session.stop()
    sys.settrace(None)
    assert got == ["watched.computed"]
    assert Watched.ran == []
    assert watched is not None


def test_arguments(complete):
    where, frame, thread, stack, shadowed, brk = complete(
        "where --", "frame 0", "thread Main", "stack watched.sto", "tasks[wat",
        "break tests/pdb/prompt/test_comp"
    )  # fmt: skip
    assert where == ["where --contexts", "where --hidden"]
    assert frame == ["frame 0"]
    assert thread == ["thread MainThread"]
    assert stack == ["stack watched.stored"]
    assert shadowed == ["tasks[watched"]
    assert isinstance(brk, list)


def test_names_of_tasks(scripted):
    session = scripted("c")
    got = []
    original = session.pdb.precmd

    def look(line):
        got[:] = completion.completions(session.pdb, "task a-ta")[1]
        return original(line)

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(0.01))
        task.set_name("a-task with spaces")
        await asyncio.sleep(0)
        session.pdb.precmd = look
        session.stop()
        await task

    asyncio.run(main())
    assert got == ["a-task with spaces"]


@pytest.mark.parametrize("command", ["p", "pp"])
def test_the_option_of_what_shows_values(complete, command):
    for begun in ("-", "--", "--wh"):
        assert complete(f"{command} {begun}") == [[f"{command} --whole"]]
    found = complete(f"{command} -com", f"{command} --whole com", "list --")
    assert all("--whole" not in names for names in found)
    assert all(any(name.endswith("complex") for name in names) for names in found[:2])


def test_readline_offers_that_option_too(scripted):
    found = []

    def look(line):
        text = line.rpartition(" ")[2]
        begin = len(line) - len(text)
        found.append(session.pdb.complete_p(text, line, begin, len(line)))

    session = scripted("c")
    stop = session.pdb.interaction

    def interaction(frame, tb):
        session.pdb.setup(frame, tb)
        for line in ("p --", "p --wh", "p complex"):
            look(line)
        stop(frame, tb)

    session.pdb.interaction = interaction
    session.stop()
    assert found == [["--whole"], ["--whole"], ["complex"]]
