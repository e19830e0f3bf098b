"""Small pieces of text, of tasks and threads made by hand."""

from __future__ import annotations

import asyncio
import math
import sys
import threading

import pytest

import stackscope
from stackscope import ItemNode, Snapshot, Stack, Waiting, extract_since
from stackscope.glue.describing import ScopeState
from stackscope.model.waiting import Amount
from stackscope.render import html_writing
from stackscope.render.drawing import Layout
from stackscope.render.locks import lock_lines
from stackscope.render.matching import filter_completions
from stackscope.render.stream import encodable, width_of_terminal
from stackscope.render.tasks import MOST_IN_CIRCLE, MOST_SIBLINGS, circle_line
from stackscope.render.threads import is_idle, thread_lines
from stackscope.render.words import (
    age_range,
    numbers_in_circle,
    scope_text,
    seconds_text,
    times_text,
)
from tests.render.made import task, text_of, thread


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (599, "599 s"),
        (601, "10 min"),
        (5990, "100 min"),
        (6010, "1.7 h"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert seconds_text(seconds) == text


def test_ages():
    assert age_range([task(1, age=3.0), task(2)]) == ""
    assert age_range([task(1, age=3.0), thread(2)]) == ""
    assert age_range([task(1, age=3.0), task(2, age=3.01)]) == "age 3.0 s"
    assert age_range([task(1, age=3.0), task(2, age=60.0)]) == "age 3.0 s to 60 s"


def test_times_of_a_task():
    assert times_text(task(1)) == ""
    made = stackscope.CodeLine("/some/where/server.py", 12, "serve")
    node = task(1, age=12.0, busy=0.3, last_ran=4.0, created=[made])
    said = "age 12 s, busy 0.3 s, last ran 4.0 s ago, made in serve:12 server.py"
    assert times_text(node) == said


@pytest.mark.parametrize(
    "scope, text",
    [
        (ScopeState(), "no deadline"),
        (ScopeState(once_entered=2.5), "2.5 s once entered"),
        (ScopeState(once_entered=math.inf, is_shielded=True), "no deadline, shielded"),
        (ScopeState(once_entered=1, is_cancelled=True), "1.0 s once entered, cancelled"),
        (ScopeState(is_cancelled=True, reason="why"), "no deadline, cancelled (why)"),
    ],
)
def test_cancel_scopes(scope, text):
    assert scope_text(scope) == text


def test_who_waits_for_each_other():
    assert numbers_in_circle([task(1), task(5)]) == ["1", "5"]
    assert numbers_in_circle([task(1), thread(5)]) == ["task 1", "thread 5"]
    assert text_of([circle_line([task(3)])]) == "  waiting for itself: 3"
    both = [task(3), thread(4)]
    said = "  waiting for each other: task 3 > thread 4 > task 3"
    assert text_of([circle_line(both)]) == said
    both[0].waiting = Waiting("acquire()", holders_are_likely=True)
    assert text_of([circle_line(both)]).startswith("  probably waiting for each other: ")
    many = [task(number) for number in range(MOST_IN_CIRCLE + 3)]
    shown = " > ".join(map(str, range(MOST_IN_CIRCLE)))
    assert text_of([circle_line(many)]) == f"  waiting for each other: {shown} > 3 more"


# ---------------------------------------------------------------------------------- threads


def here():
    stack = extract_since(None)
    stack.frames = stack.frames[-1:]
    return stack


def in_a_library():
    found = []
    sorted([1], key=lambda _: threading.Thread(target=lambda: found.append(extract_since(None))))
    thread = threading.Thread(target=lambda: found.append(extract_since(None)))
    thread.start()
    thread.join()
    stack = found[0]
    stack.frames = [frame for frame in stack.frames if frame.modname == "threading"]
    return stack


def test_idle_threads():
    assert is_idle(thread(1))
    assert is_idle(thread(1, stack=in_a_library()))
    assert not is_idle(thread(1, stack=here()))
    held = Waiting("acquire()", holders=[object()])
    assert not is_idle(thread(1, waiting=held, stack=in_a_library()))


def lines_of(nodes, **options):
    return text_of(thread_lines(nodes, None, paper=Layout(True, width=200), **options)).splitlines()


def test_a_thread_that_has_stopped_too():
    nodes = [thread(1, is_here=True, ident=1), thread(2, ident=2), thread(3, ident=3)]
    first, second, third = lines_of(nodes, waiting=[2])
    assert "stopped, waiting" in second
    assert "stopped" not in third
    assert "takes this snapshot" in lines_of(nodes, waiting=[], at_stop=False)[0]
    # The one that is marked may be another one.
    marked = threading.current_thread()
    nodes[1].thread = marked
    lines = list(thread_lines(nodes, marked, [], Layout(True, width=200)))
    assert [text_of([line]).startswith("->") or ">" in text_of([line])[:3] for line in lines] == [
        False,
        True,
        False,
    ]


def test_more_threads_than_rows():
    stacks = [here() for _ in range(1)]
    nodes = [
        thread(number, stack=stacks[0], calls=f"f{number}()") for number in range(MOST_SIBLINGS + 4)
    ]
    lines = lines_of(nodes, waiting=[], hint=" (there are)", circles=[[nodes[0]]])
    assert len(lines) == MOST_SIBLINGS + 2
    assert lines[-2].endswith("4 more (there are)")
    assert lines[-1] == "  waiting for itself: 0"


# ------------------------------------------------------------------------------------ locks


def test_how_much_of_a_lock_is_taken():
    class Limiter:
        pass

    one = Limiter()
    amounts = [Amount(3, "token", 5.0)]
    nodes = [task(n, waiting=Waiting("acquire()", lock=one, amounts=amounts)) for n in (1, 2)]
    snapshot = Snapshot([], [thread(n, waiting=node.waiting) for n, node in enumerate(nodes)])
    lines = text_of(lock_lines(snapshot)).splitlines()
    assert lines[0].endswith("Limiter: 3 of 5 tokens")
    assert lines[1].strip() == "2 threads (0-1) wait"
    amounts[0] = Amount(3, "borrowed", 5.0, plural="borrowed")
    assert text_of(lock_lines(snapshot)).splitlines()[0].endswith("Limiter: 3 of 5 borrowed")
    amounts[0] = Amount(3, "task")
    assert text_of(lock_lines(snapshot)).splitlines()[0].endswith("Limiter")


# ---------------------------------------------------------------------------------- filters


def test_what_may_be_typed_in_a_filter():
    loop = stackscope.LoopNode(object(), "asyncio", None, True, False, [])
    loop.tasks = [task(1, subject="GET /"), task(2, waiting=Waiting("get()"))]
    item = ItemNode("greenlet", object(), 3, "g3", "suspended", Stack(None, []), None, [])
    snapshot = Snapshot([loop], [thread(4, stack=here())], [item])
    assert filter_completions(snapshot, "name:") == [
        *('name:"GET /"', "name:g3", "name:t1", "name:t2", "name:w4"),
    ]
    assert filter_completions(snapshot, "t1 or name:g") == ["t1 or name:g3"]
    assert filter_completions(snapshot, "waits:") == []
    assert filter_completions(snapshot, "in:he") == ["in:here"]
    assert filter_completions(snapshot, "file:") == ["file:test_by_hand.py"]
    assert "not " in filter_completions(snapshot, "")


def test_managers_inside_those_that_are_generators():
    from contextlib import contextmanager

    lock = threading.Lock()

    @contextmanager
    def outer():
        with lock:
            yield

    def within():
        with outer():
            return here_with_contexts()

    def here_with_contexts():
        return extract_since(None)

    stack = within()
    stack.frames = [frame for frame in stack.frames if frame.funcname == "within"]
    snapshot = Snapshot([], [thread(4, stack=stack), thread(5)])
    assert [node.number for node in snapshot.filter("with:lock").threads] == [4]
    assert filter_completions(snapshot, "with:") != []


# -------------------------------------------------------------------------------------- text


class Stream:
    def __init__(self, encoding=None, number=None):
        self.encoding = encoding
        self.number = number

    def fileno(self):
        if self.number is None:
            raise ValueError
        return self.number


def test_what_a_stream_can_not_write_is_escaped():
    text = "a€"
    assert encodable(text, Stream("utf-8")) == text
    assert encodable(text, Stream("ascii")) == "a\\u20ac"
    assert encodable(text, Stream("latin-1")) == "a\\u20ac"
    assert encodable(text, Stream("no such")) == encodable(text, Stream()) == text


def test_the_columns_to_fill(monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    assert width_of_terminal(Stream()) == 33
    for text in ("", "0", "many"):
        monkeypatch.setenv("COLUMNS", text)
        for stream in (None, Stream(), Stream(number=1 << 20)):
            assert width_of_terminal(stream) == 80
    if sys.platform != "win32":
        import os
        import pty

        ours, theirs = pty.openpty()
        try:
            assert width_of_terminal(Stream(number=theirs)) == 80  # it doesn't know
        finally:
            os.close(ours)
            os.close(theirs)


# --------------------------------------------------------------------------- source as HTML


def test_source_text_is_escaped_without_pygments(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygments.lexers.python", None)
    assert html_writing._lexer() is None
    assert html_writing._highlighted("a < 'b'", None) == "a &lt; &#x27;b&#x27;"


def test_source_text_is_kept_whatever_a_lexer_does():
    def fails(source):
        raise ValueError

    def changes(source):
        return [("Token.Name", "other")]

    for lex in (fails, changes):
        assert html_writing._highlighted("a < b", lex) == "a &lt; b"

    def interrupted(source):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        html_writing._highlighted("a < b", interrupted)


# ---------------------------------------------------------------------------------- records


def test_a_record_can_be_replaced():
    """`copy.replace` does so from 3.13 on."""
    node = task(1)
    other = node.__replace__(number=5)
    assert (other.number, other.name, node.number) == (5, "t1", 1)
    if sys.version_info >= (3, 13):
        import copy

        assert copy.replace(node, number=5) == other


def test_how_an_item_is_shown():
    item = ItemNode("greenlet", object(), 3, "g3", "suspended", Stack(None, []), None, [])
    assert repr(item) == "<ItemNode greenlet 3 suspended>"
    assert str(stackscope.Finding("deadlock", certain=True, nodes=[task(1)])).startswith("Deadlock")


def test_a_snapshot_in_a_loop_is_not_said_to_be_there():
    """It is sent to somebody else."""
    from stackscope.answering.serving import snapshot_of_others

    async def main():
        return snapshot_of_others()

    (loop,) = asyncio.run(main()).loops
    assert not loop.is_here


# ------------------------------------------------------------------------------ loops, waits


def test_what_a_loop_stands_in():
    """The thread of the loop has to be known, and to run something of the user's."""
    from stackscope.render import overview

    loop = stackscope.LoopNode(object(), "asyncio", "w4", True, False, [])
    assert overview._callback_in(loop, []) is None
    assert overview._callback_in(loop, [thread(4), thread(4)]) is None
    assert overview._callback_in(loop, [thread(4, stack=in_a_library())]) is None
    stack = here()
    assert overview._place(Stack(None, []), None) == ""
    assert overview._place(stack, None).endswith(f"test_by_hand.py:{stack.frames[0].lineno}")
    node = thread(4, stack=stack, waiting=Waiting("acquire()"))
    assert overview._thread_at(stack, [thread(3), node]) is node
    assert overview._thread_at(here(), [node]) is None
    assert overview._thread_at(Stack(None, []), [node]) is None
    assert overview._call(stack, loop, [node]) == "waiting for acquire()"


def test_the_thread_of_a_call_that_has_another_name():
    from stackscope.render.waits import _number_of_thread, wait_in_brief, wait_text

    other = threading.current_thread()
    waiting = Waiting("run_sync()", thread="w", workers=[other])
    number = stackscope.extract_all().threads
    (own,) = [node for node in number if node.thread is other]
    assert _number_of_thread(waiting) == f"in thread {own.number}"
    assert _number_of_thread(Waiting("", thread="w", workers=[other])) == ""
    assert _number_of_thread(Waiting("run_sync()", thread="w", workers=[object()])) == ""
    assert wait_text(Waiting("")) == ""
    inner = Waiting("get()")
    assert wait_in_brief(Waiting("outer()", inner=inner, is_wrapper=True)) == "get()"
    assert wait_in_brief(Waiting("outer()", inner=Waiting(""), is_wrapper=True)) == "outer()"


def test_the_holders_of_many_locks_that_hold_most_are_named():
    from stackscope.render.waits import MOST_LABELLED, held_by_pieces

    def holder(number):
        return threading.Thread(name=f"h{number}")

    holders = [holder(number) for number in range(MOST_LABELLED + 2)]
    waits = [Waiting("acquire()", lock=object(), holders=[one]) for one in holders]
    waits += [Waiting("acquire()", lock=object(), holders=holders[-1:])] * 2
    said = "".join(held_by_pieces(waits))
    first, second = said.split(", ")[:2]
    assert f"({holders[-1].name}) (3" in first
    assert f"({holders[0].name}) (1" in second


# ------------------------------------------------------------------------------------- JSON


def test_json_in_many_lines_says_the_same():
    import json

    snapshot = stackscope.extract_all()
    short, long = snapshot.to_json(), snapshot.to_json(indent=2)
    assert json.loads(short) == json.loads(long)
    assert short.count("\n") == 0 < long.count("\n")


@pytest.mark.parametrize("is_past", [True, False])
@pytest.mark.parametrize("is_exiting", [True, False])
def test_a_context_that_is_past_may_be_exiting(is_past, is_exiting):
    context = stackscope.Context(object(), False, is_exiting=is_exiting)
    context.is_past = is_past
    stack = here()
    stack.frames[0].contexts = [context]
    (found,) = Stack.from_json(stack.to_json()).frames[0].contexts
    assert (found.is_past, found.is_exiting) == (is_past, is_exiting)


def test_whole_paths_on_a_page():
    stack = extract_since(None)
    page = stack.to_html(full=True, short_paths=False)
    assert __file__ in page


# ----------------------------------------------------------------------------------- circles


def test_who_is_in_a_circle_is_named_though_a_filter_leaves_them_out():
    threads = [thread(4), thread(5), thread(6)]
    snapshot = Snapshot([], threads)
    snapshot.cycles = [threads[:2], threads[2:]]
    found = snapshot.filter("name:w4")
    assert [node.number for node in found.threads] == [4]
    assert [[node.number for node in circle] for circle in found.cycles] == [[4, 5]]
    assert found.cycles[0][0] is found.threads[0]
    assert [len(circle) for circle in snapshot.cycles] == [2, 1]


def test_marks_of_different_lengths_are_not_the_same():
    from stackscope.snapshot.stillness import _same

    one = object()
    assert _same((one, 5), (one, 5))
    assert not _same((one, 5), (one,))
    assert not _same((one, 5), (one, 6))
    assert not _same((object(), 5), (object(), 5))
