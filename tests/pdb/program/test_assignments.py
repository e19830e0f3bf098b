"""What is assigned at the prompt reaches the program, through every command of ours."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stackscope_pdb.commands import registry
from tests.helpers.managers import Manager

ARGUMENTS = {
    # what to give to a command, beside nothing
    "catch": ["KeyError", "off KeyError"],
    "ctx": ["1", "9"],
    "down": ["1"],
    "exceptions": ["0"],
    "frame": ["0", "-1", "99"],
    "skip": ["off", "on", "maybe"],
    "stack": ["(n for n in 'ab')", "nothing", "3"],
    "sticky": ["on", "3", "off"],
    "task": ["1", "sleeper", "nobody"],
    "tasks": ["sleeper", "nobody"],
    "thread": ["1", "MainThread", "nobody"],
    "threads": ["Main", "nobody"],
    "unfocus": ["now"],
    "up": ["1", "-1"],
    "watch": ["1", "off"],
    "about": ["x", "nothing"],
    "edit": ["/nowhere.py"],
    "track": ["x", "nothing"],
    "why": ["sleeper", "nobody"],
    "where": ["--contexts", "--hidden", "-c --hidden", "1", "--nothing"],
}

STANDARD = ["help where", "list", "ll", "args", "whatis x", "display x", "source Manager", "u\nd"]


def all_commands():
    for entry in registry.commands():
        for name in entry.names:
            yield name
        for argument in ARGUMENTS.get(entry.name, ()):
            yield f"{entry.name} {argument}"
    yield from STANDARD


async def sleeper(n):
    value = n
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    return value


def run_stopping(session):
    """Stop in a coroutine beside which one task sleeps. Gives what both return."""

    async def stopping():
        x = 1
        with Manager():
            session.stop()
            y = x
        return x, y

    async def main():
        task = asyncio.ensure_future(sleeper(5))
        if sys.version_info >= (3, 8):
            task.set_name("sleeper")
        await asyncio.sleep(0)
        return (await stopping(), await task)

    return asyncio.run(main())


def test_assignments_in_the_current_frame_survive_every_command(scripted):
    commands = list(all_commands())
    lines = ["x = 0"]
    for command in commands:
        # assigned before and after, so that what is shown tells which of the two got lost
        lines += ["x += 1", *command.split("\n"), "unfocus", "frame -1", "p 'x is', x", "x += 1"]
    session = scripted(*lines, "c")
    (x, y), _ = run_stopping(session)
    seen = [reply for reply in session.replies if reply.startswith("('x is'")]
    assert seen == [f"('x is', {2 * n + 1})" for n in range(len(commands))]
    assert x == y == 2 * len(commands)


def test_assignments_in_a_focused_frame_survive_every_command(scripted):
    commands = list(all_commands())
    lines = ["task sleeper", "value = 0"]
    for command in commands:
        lines += ["value += 1", *command.split("\n"), "task sleeper", "p 'value is', value"]
    session = scripted(*lines, "unfocus", "c")
    _, value = run_stopping(session)
    seen = [reply for reply in session.replies if reply.startswith("('value is'")]
    assert seen == [f"('value is', {n + 1})" for n in range(len(commands))]
    assert value == len(commands)


def test_every_command_that_takes_an_argument_gets_one():
    taking = {
        entry.name for entry in registry.commands() if " " in entry.usage or "(" in entry.usage
    }
    assert taking <= set(ARGUMENTS)


@pytest.mark.parametrize(
    "statement", ["value = 7", "!value = 7", "value, z = 7, 8", "p (value := 7)"]
)
def test_assignment_in_a_focused_frame_reaches_it(scripted, statement):
    session = scripted("task sleeper", statement, "p value", "unfocus", "x = 2", "c")
    (x, _), value = run_stopping(session)
    assert (x, value) == (2, 7), session.output
    assert session.replies[2] == "7"


def test_several_assignments_in_a_row(scripted):
    session = scripted("task sleeper", "value = 6", "value += 1", "unfocus", "x = 2", "x += 1", "c")
    (x, _), value = run_stopping(session)
    assert (x, value) == (3, 7), session.output


def test_assignment_in_a_caller(scripted):
    session = scripted("up", "x = 3", "down", "c")

    def caller():
        x = 1
        callee()
        return x

    def callee():
        y = 2
        session.stop()
        return y

    assert caller() == 3, session.output


def test_variable_that_a_called_function_changes_keeps_its_value(scripted):
    session = scripted("bump()", "other = 5", "c")

    def function():
        x = 1
        other = 0

        def bump():
            nonlocal x
            x += 1

        session.stop()
        return x, other

    assert function() == (2, 5), session.output


def test_deletion(scripted):
    session = scripted("task sleeper", "del value", "c")
    if (3, 11) <= sys.version_info < (3, 13):
        assert run_stopping(session)[1] == 5
        assert session.replies[1].startswith("*** value stayed as before: ")
        return
    if sys.version_info >= (3, 13):
        assert run_stopping(session)[1] == 5
        assert session.replies[1].startswith("*** ")
        return
    with pytest.raises(UnboundLocalError):
        run_stopping(session)


def test_name_that_the_function_does_not_know_stays_for_the_session(scripted):
    session = scripted("note = 1", "where", "note += 1", "p note", "c")
    run_stopping(session)
    assert session.replies[3] == "2"


@pytest.mark.parametrize("name", ["n", "s", "r", "c", "l"])
def test_variable_named_like_a_standard_command(scripted, name):
    session = scripted(f"{name} = 3", f"!print({name} + 1)", "c")
    run_stopping(session)
    assert session.replies[1] == "4", session.output
