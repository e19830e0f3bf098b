"""Records: dataclasses whose fields and ``__init__`` are made when somebody asks for them."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import subprocess
import sys

import pytest

import stackscope
from stackscope.model.records import make_late, taken
from tests.helpers.repository import ROOT

TREE = """
import asyncio, dataclasses, json, os, sys, traceback
import stackscope
from tests.helpers.measured import keep_what_was_measured

async def main():
    child = asyncio.ensure_future(asyncio.sleep(10))
    await asyncio.sleep(0)
    snapshot = stackscope.extract_all()
    [node] = [node for node in snapshot.tasks() if node.task is child]
    assert node.waiting.call == "asyncio.sleep()", node.waiting
    assert node.waiting.holders == [] and node.waiting.tasks == []
    assert stackscope.Waiting("x").amounts is not stackscope.Waiting("x").amounts
    assert len(dataclasses.fields(stackscope.Waiting)) > 10
    child.cancel()

def tries(before):
    exec(before)
    asyncio.run(main())

def outcome(before):
    # What goes wrong in a copy of this process, as text.
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        os.dup2(write, 2)
        try:
            tries(before)
        except BaseException:
            traceback.print_exc()
        finally:
            keep_what_was_measured()
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as file:
        text = file.read()
    os.wait()
    return text

wanted = json.loads(sys.argv[1])
if hasattr(os, "fork"):
    print(json.dumps({before: outcome(before) for before in wanted}))
else:
    tries(*wanted)
"""

FIRST = [
    "pass",
    "dataclasses.fields(stackscope.Waiting); dataclasses.fields(stackscope.Snapshot)",
    "dataclasses.is_dataclass(stackscope.Waiting)",
    "stackscope.Waiting().wrap(); dataclasses.fields(stackscope.Waiting)",
    "dataclasses.dataclass(type('Mine', (stackscope.Waiting,), {}))('a call')",
    "stackscope.Waiting.__init__; dataclasses.fields(stackscope.Waiting)",
]


def run(*wanted):
    """What a process says that does something first."""
    process = subprocess.run(
        [sys.executable, "-c", TREE, json.dumps(wanted)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert process.stderr == ""
    return process.stdout


def test_what_is_asked_for_first_makes_no_difference():
    if hasattr(os, "fork"):  # copies of one process, which has imported everything
        assert json.loads(run(*FIRST)) == dict.fromkeys(FIRST, "")
    else:
        assert {before: run(before) for before in FIRST} == dict.fromkeys(FIRST, "")


# ------------------------------------------------------------------- sparse records


def test_a_sparse_record_stores_only_what_is_not_as_by_default():
    waiting = stackscope.Waiting("call()", needs_all=True, place=2)
    assert vars(waiting) == {"call": "call()", "place": 2}
    assert (waiting.needs_all, waiting.count, waiting.clock) == (True, None, "loop")
    waiting.notes.append("cancelled")
    assert waiting.notes == ["cancelled"]
    assert waiting == stackscope.Waiting("call()", place=2, notes=["cancelled"])
    assert waiting != stackscope.Waiting("call()", place=2)


def test_what_it_does_not_store_can_be_replaced_and_listed():
    waiting = dataclasses.replace(stackscope.Waiting("call()", place=2), place=3)
    assert dataclasses.asdict(waiting) == {
        **dataclasses.asdict(stackscope.Waiting("call()")),
        "place": 3,
    }
    assert stackscope.Waiting().notes is not stackscope.Waiting().notes


def test_what_is_known_of_the_calls_below_can_be_forgotten():
    waiting = stackscope.Waiting("call()", "an object", [1], seconds_left=2.0, notes=["a note"])
    waiting.clear()
    assert waiting == stackscope.Waiting("call()", "an object", [1])
    waiting.notes, waiting.is_wrapper = ["another"], True
    waiting.wrap()
    inner = stackscope.Waiting("call()", "an object", [1], notes=["another"], is_wrapper=True)
    assert waiting == stackscope.Waiting("", "an object", [1], inner=inner)


# --------------------------------------------------------- values that are made late


def context_with(make):
    context = stackscope.Context(None, False)
    make_late(context, "description", make)
    return context


def test_a_late_value_is_made_once():
    made = []

    def make():
        made.append("made")
        return "the words"

    context = context_with(make)
    assert made == []
    assert [context.description, context.description] == ["the words"] * 2
    assert made == ["made"]


def test_a_late_value_that_is_replaced_is_never_made():
    context = context_with(lambda: 1 / 0)
    context.description = "other words"
    assert context.description == "other words"


def test_a_late_value_that_fails_is_asked_for_again():
    answers = iter([ZeroDivisionError, "the words"])

    def make():
        answer = next(answers)
        if answer is ZeroDivisionError:
            raise answer
        return answer

    context = context_with(make)
    with pytest.raises(ZeroDivisionError):
        context.description  # noqa: B018
    assert context.description == "the words"


@pytest.mark.parametrize("use", [repr, lambda one: one == one, dataclasses.replace])
def test_whatever_reads_all_fields_has_a_late_value_made(use):
    context = context_with(lambda: "the words")
    use(context)
    assert vars(context)["description"] == "the words"


def test_a_late_field_has_a_default():
    assert stackscope.Context(None, False).description is None
    assert stackscope.Context.description is None
    fields = {field.name: field for field in dataclasses.fields(stackscope.Context)}
    assert fields["description"].default is None
    assert inspect.signature(stackscope.Context).parameters["description"].default is None
    shown = str(inspect.signature(stackscope.Snapshot))
    assert "items: 'List[ItemNode]' = []" in shown
    assert "taken_at: 'float' = time()" in shown


@pytest.mark.parametrize("words", [None, "stored"])
def test_a_value_is_taken(words):
    context = stackscope.Context(None, False, description=words)
    tell = taken(context, "description")
    make_late(context, "description", lambda: f"more than {tell()}")
    assert context.description == f"more than {words}"


def test_a_late_value_is_taken():
    context = context_with(lambda: "the words")
    tell = taken(context, "description")
    assert context.description is None
    assert tell() == "the words"
