"""How what is stuck is told, for findings of all kinds, made by hand."""

from __future__ import annotations

import threading

import pytest

from stackscope import (
    Diagnosis,
    Edge,
    Finding,
    Frame,
    Graph,
    LoopNode,
    Snapshot,
    Stack,
    Waiting,
    extract_since,
)
from stackscope.model.diagnosis import (
    LIKELY_HOLDERS,
    MAY_HAVE_MOVED,
    NOT_SEARCHED,
    ONLY_TRACEBACKS,
    ONLY_USERS,
)
from stackscope.model.waiting import Amount
from stackscope.render.diagnosis import (
    MOST_NODES,
    MOST_PROCESSES,
    _of_user,
    advice_lines,
    chain_lines,
    context_with,
    finding_lines,
    stuck_line,
    title_of,
)
from stackscope.render.graphs import MOST_EDGES
from tests.render.made import task, text_of, thread


@pytest.mark.parametrize(
    "kind, certain, nodes, title",
    [
        (
            "abandoned",
            True,
            [task(1)],
            "Abandoned: task 1 (t1) waits, and nothing alive can end that",
        ),
        (
            "abandoned",
            False,
            [task(1), thread(2)],
            "Likely abandoned: task 1 (t1) and thread 2 (w2) wait, and nothing alive can end that",
        ),
        (
            "abandoned",
            True,
            [task(1), task(2), task(5), thread(3)],
            "Abandoned: 3 tasks (1-2, 5) and 1 thread (3) wait, and nothing alive can end that",
        ),
        ("deadlock", True, [task(1)], "Deadlock: task 1 (t1) waits for itself"),
        (
            "deadlock",
            False,
            [task(1), task(2)],
            "Likely deadlock: task 1 (t1) and task 2 (t2) wait for each other",
        ),
        (
            "deadlock",
            True,
            [task(1), task(2), thread(3)],
            (
                "Deadlock of 2 tasks and 1 thread, each waiting for the next: "
                "task 1 (t1) > task 2 (t2) > thread 3 (w3) > task 1 (t1)"
            ),
        ),
    ],
)
def test_the_title(kind, certain, nodes, title):
    assert text_of([title_of(Finding(kind, certain=certain, nodes=nodes))]) == title


def test_the_title_of_many_is_cut():
    nodes = [task(number) for number in range(1, MOST_NODES + 2)]
    title = text_of([title_of(Finding("deadlock", certain=True, nodes=nodes))])
    assert title.endswith(f"task {MOST_NODES} (t{MOST_NODES}) > … > task 1 (t1)")
    assert f"(t{MOST_NODES + 1})" not in title


@pytest.mark.parametrize(
    "seconds, waiting, title",
    [
        (None, None, "Blocked loop: task 1 (t1) stands in time.sleep()"),
        (2.04, None, "Blocked loop: task 1 (t1) stands in time.sleep(), for 2.0 s at least"),
        (None, Waiting("Lock.acquire()"), "Blocked loop: task 1 (t1) stands in Lock.acquire()"),
    ],
)
def test_the_title_of_a_blocked_loop(seconds, waiting, title):
    nodes = [task(1, waiting)]
    one = Finding("blocked loop", certain=True, nodes=nodes, call="time.sleep()", seconds=seconds)
    found = text_of([title_of(one)])
    assert found == title


USERS = [task(1), task(2), thread(7)]


@pytest.mark.parametrize(
    "reason, users, said",
    [
        (NOT_SEARCHED, [], "the heap was not searched for others who could end the waits"),
        (LIKELY_HOLDERS, [], "it isn't proved that nobody else has what they wait for"),
        (ONLY_TRACEBACKS, [], "only the traceback of an exception that is kept leads to what is"),
        (MAY_HAVE_MOVED, [], "whenever they were looked at, threads stood at the same place"),
        (ONLY_USERS, USERS[:1], "only task 1 (t1) could end this, and it waits, too"),
        (ONLY_USERS, USERS[:2], "nobody else could end these waits"),
        (ONLY_USERS, USERS, "only 2 tasks (1-2) and 1 thread (7) could end this, and they wait"),
    ],
)
def test_why_it_is_only_likely(reason, users, said):
    one = Finding("deadlock", certain=False, nodes=USERS[:2], reason=reason, users=users)
    assert f"likely: {said}" in str(one) or f"likely: as far as variables show, {said}" in str(one)
    one.certain, one.reason = True, ""
    assert "likely" not in str(one)


def advice(finding):
    return text_of(list(advice_lines(finding))[:1])


@pytest.mark.parametrize(
    "kind, waiting, missing, said",
    [
        ("abandoned", None, "task_done()", " (nobody is left who calls task_done())"),
        ("abandoned", None, "", ""),
        (
            "blocked loop",
            None,
            "",
            " (await something that doesn't block, or call it in a thread)",
        ),
        ("deadlock", None, "", ""),
        (
            "deadlock",
            Waiting("Future.result()", ahead=Amount(1, "worker")),
            "",
            " (what runs in a pool waits for calls that this pool can't begin: use another pool)",
        ),
        (
            "deadlock",
            Waiting("gather()", parts=[Waiting("a call", ahead=Amount(1, "worker"))]),
            "",
            " (what runs in a pool waits for calls that this pool can't begin: use another pool)",
        ),
    ],
)
def test_what_to_do(kind, waiting, missing, said):
    one = Finding(kind, certain=True, nodes=[task(1, waiting)], missing=missing)
    assert advice(one) == f"Look at{said}:"


class Lock:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


def holding(number, held, waiting):
    """A task that has something by a context, at its own line, and waits for something."""
    with held:
        stack = extract_since(None)
    stack.frames = stack.frames[-1:]
    return task(number, Waiting("acquire()", obj=waiting, lock=waiting), stack=stack)


def test_what_to_do_about_locks():
    first, second = Lock(), Lock()
    nodes = [holding(1, first, second), holding(2, second, first)]
    said = " (take them in the same order everywhere)"
    assert advice(Finding("deadlock", certain=True, nodes=nodes)) == f"Look at{said}:"
    alone = holding(1, first, first)
    said = " (it has what it waits for)"
    assert advice(Finding("deadlock", certain=True, nodes=[alone])) == f"Look at{said}:"
    frame, context = context_with(alone, alone.waiting)
    assert context.obj is first
    assert frame.funcname == "holding"
    other = holding(1, first, second)
    assert context_with(other, other.waiting) is None
    assert context_with(other, Waiting("sleep()")) is None
    assert context_with(other, None) is None


def test_what_to_do_where_all_want_more_of_the_same():
    class Semaphore(Lock):
        pass

    one = Semaphore()
    nodes = [holding(1, one, one), holding(2, one, one)]
    said = " (each has one of these, and waits for another one)"
    assert advice(Finding("deadlock", certain=True, nodes=nodes)) == f"Look at{said}:"


def test_places_that_matter_are_told_once_and_not_all():
    def at_line(number):
        frame = extract_since(None).frames[-1]
        return Stack(None, [Frame(frame.pyframe, number)])

    nodes = [task(number, stack=at_line(number)) for number in range(1, MOST_NODES + 3)]
    lines = text_of(advice_lines(Finding("deadlock", certain=True, nodes=nodes))).splitlines()
    assert len(lines) == 1 + MOST_NODES + 1
    assert lines[1].endswith("test_findings.py:1")
    assert lines[-1].strip() == "and more places"
    alike = [task(number, stack=at_line(5)) for number in (1, 2)]
    lines = text_of(advice_lines(Finding("deadlock", certain=True, nodes=alike))).splitlines()
    assert [line.strip().rpartition("/")[2] for line in lines[1:]] == ["test_findings.py:5"]


def test_what_stands_behind():
    one = Finding("deadlock", certain=True, nodes=[task(1)], behind=[task(3)])
    assert "1 task (3) is stuck behind it" in text_of(finding_lines(one))
    one = Finding("deadlock", certain=True, nodes=USERS[:2], behind=[task(3), task(4)])
    assert "2 tasks (3-4) are stuck behind them" in text_of(finding_lines(one))


def test_who_is_stuck_in_a_line():
    diagnosis = Diagnosis([], Graph(), Snapshot([], []))
    assert stuck_line(diagnosis) is None
    one = Finding("deadlock", certain=True, nodes=[task(1)], behind=[thread(2)])
    diagnosis.findings = [one, Finding("abandoned", certain=True, nodes=[task(5)])]
    said = "stuck: 2 tasks (1, 5), and behind: 1 thread (2): see 'why'"
    assert text_of([stuck_line(diagnosis)]).endswith(said)
    one.behind = []
    assert text_of([stuck_line(diagnosis)]).endswith("stuck: 2 tasks (1, 5): see 'why'")


# ------------------------------------------------------------------------- where nothing is


def in_a_loop(*nodes, threads=()):
    loop = LoopNode(object(), "asyncio", None, True, False, list(nodes))
    return Diagnosis([], Graph(), Snapshot([loop], list(threads)))


class Queue:
    pass


class Event:
    pass


class Future:
    pass


@pytest.mark.parametrize(
    "waitings, said",
    [
        ([], ""),
        ([Waiting("sleep()", seconds_left=1.0)], ": 1 task waits for a timer"),
        ([Waiting("recv()", resource="a socket")] * 2, ": 2 tasks wait for sockets or processes"),
        ([Waiting("run_sync()", thread="w")], ": 1 task waits for a call in another thread"),
        ([Waiting("await", tasks=[object()])], ": 1 task waits for another task"),
        ([Waiting("acquire()", lock=object())], ": 1 task waits for a lock"),
        ([Waiting("get()", obj=Queue())] * 3, ": 3 tasks wait for queues or channels"),
        ([Waiting("wait()", obj=Event())], ": 1 task waits for an event or condition"),
        ([Waiting("await", obj=Future(), tasks=[object()])], ": 1 task waits for a future"),
        ([None], ": 1 task waits for something else"),
        (
            [Waiting("sleep()", deadline=1.0), *[Waiting("get()", obj=Queue())] * 2],
            ": 2 tasks wait for queues or channels, 1 for a timer",
        ),
    ],
)
def test_what_they_wait_for_where_nothing_is_stuck(waitings, said):
    nodes = [task(number, waiting) for number, waiting in enumerate(waitings)]
    lines = in_a_loop(*nodes).format()
    assert "".join(lines) == f"Nothing is stuck{said}.\n"


def test_what_threads_do_where_nothing_is_stuck():
    threads = [thread(1, Waiting("acquire()")), *[thread(number) for number in range(2, 20)]]
    for number, node in enumerate(threads[1:]):
        node.calls = f"f{number // 2}()" if number < 4 else f"g{number}()"
    said = "".join(in_a_loop(threads=threads).format(width=1000))
    assert said.startswith("Nothing is stuck: 1 thread waits, 2 threads are in f0(), 2 threads are")
    named = said.count(" in ") - 1
    assert f", {18 - 4 - (named - 2)} threads in other calls." in said


def test_processes_that_may_be_asked():
    nodes = [task(1, Waiting("wait()", processes=[7])), task(2, Waiting("wait()", processes=[7]))]
    lines = "".join(in_a_loop(nodes[0]).format(width=1000)).splitlines()
    asking = "process 7, which may be asked: stackscope why 7"
    assert lines[1] == f"task 1 (t1) waits for {asking}"
    lines = "".join(in_a_loop(*nodes).format(width=1000)).splitlines()
    assert lines[1] == f"2 tasks (1-2) wait for {asking}"
    numbers = list(range(100, 100 + MOST_PROCESSES + 1))
    diagnosis = in_a_loop(task(1, Waiting("wait()", processes=numbers)))
    lines = "".join(diagnosis.format(width=1000)).splitlines()
    assert len(lines) == 1 + MOST_PROCESSES + 1
    assert lines[-1] == "and 1 more process"
    diagnosis.findings = [Finding("deadlock", certain=True, nodes=[task(1)])]
    assert "".join(diagnosis.format(width=1000)).splitlines()[-len(lines) :] == ["", *lines[1:]]


@pytest.mark.parametrize(
    "node, finding, said",
    [
        (task(1), None, "which waits"),
        (thread(1), None, "which doesn't wait"),
        (task(1, Waiting("sleep()", seconds_left=1.0)), None, "which a timer ends"),
        (task(1, Waiting("recv()", resource="a")), None, "which ends from outside the program"),
        (task(1, Waiting("run()", thread="w")), None, "which ends with that call"),
        (task(1, Waiting("wait()")), None, "which somebody alive may end; who, isn't known"),
        (task(1), Finding("abandoned", certain=True, nodes=[]), "which nothing alive can end"),
        (
            task(1),
            Finding("abandoned", certain=True, nodes=[], missing="put()"),
            "which nothing alive can end: nobody is left who calls put()",
        ),
    ],
)
def test_how_a_chain_ends(node, finding, said):
    diagnosis = in_a_loop(node)
    if finding is not None:
        finding.nodes = [node]
        diagnosis.findings = [finding]
    assert text_of(chain_lines(diagnosis, node)).splitlines()[-1].strip() == said


# ----------------------------------------------------------------------------------- graphs


def graph_of(count):
    nodes = [task(number) for number in range(count)]
    edges = [Edge(node, [nodes[0]], certain=False, needs_all=False) for node in nodes]
    return Diagnosis([], Graph(nodes, edges), Snapshot([], []))


def test_a_graph_with_too_many_edges():
    for left, said in ((0, None), (1, "1 more edge"), (3, "3 more edges")):
        diagnosis = graph_of(MOST_EDGES + left)
        dot, mermaid = diagnosis.to_dot(), diagnosis.to_mermaid()
        assert dot.count(" -> ") == mermaid.count(" -.->|") == MOST_EDGES
        assert ("more [" in dot) is ('more["' in mermaid) is (left > 0)
        if said:
            assert f'more [label="{said}", shape=plaintext];' in dot
            assert f'more["{said}"]' in mermaid
        assert "classDef" not in mermaid


def test_what_is_stuck_is_marked_in_a_graph():
    diagnosis = graph_of(2)
    diagnosis.findings = [Finding("deadlock", certain=True, nodes=diagnosis.graph.nodes[:1])]
    assert diagnosis.to_dot().count("penwidth=2") == 1
    assert diagnosis.to_mermaid().rstrip().splitlines()[-1].endswith(" stuck")


# ----------------------------------------------------------------------- lines of libraries


def test_the_users_line_that_has_led_to_a_library():
    frames = []

    def callback():
        frames.extend(extract_since(None).frames)

    worker = threading.Thread(target=callback)
    worker.start()
    worker.join()
    library = next(frame for frame in frames if frame.modname == "threading")
    own = next(frame for frame in frames if frame.funcname == "callback")
    node = task(1, stack=Stack(None, [own, library]))
    assert _of_user(node, own, 5) == (own, 5)
    assert _of_user(node, library, 5) == (own, own.lineno)
    node.stack.frames = [library, own]
    assert _of_user(node, library, 5) == (own, own.lineno)
    own.hide = True
    assert _of_user(node, library, 5) == (library, 5)


def test_whole_paths():
    stack = extract_since(None)
    stack.frames = stack.frames[-1:]
    one = Finding("deadlock", certain=True, nodes=[task(1, stack=stack)])
    diagnosis = Diagnosis([one], Graph(), Snapshot([], []))
    text = "".join(diagnosis.format(short_paths=False, width=1000))
    assert f"{__file__}:" in text
