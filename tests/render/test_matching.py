"""Filters of real snapshots: what is kept, how it is drawn, and what may be typed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import time

import pytest

import stackscope
from stackscope import FilterError, Snapshot, extract_all
from stackscope.render.matching import filter_completions
from tests.helpers.rows import IN_TURN


async def cook(lock):
    async with lock:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(KeyError))
            await asyncio.sleep(1000)


async def wait_for(lock):
    async with lock:
        pass


async def owner(lock):
    await asyncio.gather(*map(asyncio.ensure_future, [wait_for(lock), asyncio.sleep(1000)]))


async def take(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass


def named(coroutine, name):
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    return task


def kitchen(look):
    """What ``look`` gives, called with a snapshot of a program."""

    async def main():
        asyncio.current_task().set_name("main")
        lock, one, two = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        tasks = [
            named(cook(lock), "cook"),
            named(wait_for(lock), "hungry"),
            named(owner(lock), "owner"),
            named(take(one, two), "crossed-1"),
            named(take(two, one), "crossed-2"),
        ]
        for _ in range(4):
            await asyncio.sleep(0)
        try:
            return look(extract_all())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    return asyncio.run(main())


def names(snapshot):
    return [node.name for node in snapshot.tasks() if not node.is_only_above]


def number(snapshot, name):
    return next(node.number for node in snapshot.tasks() if node.name == name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name:cook", ["cook"]),
        ("name:c*", ["cook", "crossed-1", "crossed-2"]),
        ("state:running", ["main"]),
        ("in:cook", ["cook"]),
        ("in:test_matching.cook", ["cook"]),
        ("with:lock", ["cook", "crossed-1", "crossed-2"]),
        ("with:suppress", ["cook"]),
        ("waits:sleep not name:Task-*", ["cook"]),
        ("waits:lock name:hungry", ["hungry"]),
        ("held-by:cook name:hungry", ["hungry"]),
        ("library:asyncio name:main", ["main"]),
        ("library:trio", []),
        ("file:test_matching.py name:main", ["main"]),
        ("file:nowhere", []),
        ("stuck", ["crossed-1", "crossed-2"]),
        ("stuck -2", ["crossed-2"]),
        ("wait_for hungry", ["hungry"]),
    ],
)
def test_what_is_found(text, expected):
    def look(snapshot):
        found = snapshot.filter(text)
        loaded = Snapshot.from_json(snapshot.to_json()).filter(text)
        assert names(loaded) == names(found)
        assert loaded.format() == found.format()
        assert Snapshot.from_json(found.to_json()).format() == found.format()
        return names(found)

    assert sorted(kitchen(look)) == expected


def test_by_the_number_of_the_holder():
    def look(snapshot):
        return names(snapshot.filter(f"held-by:{number(snapshot, 'cook')} name:hungry"))

    assert kitchen(look) == ["hungry"]


def test_those_above_stay_and_are_marked():
    def look(snapshot):
        found = snapshot.filter(f"held-by:{number(snapshot, 'cook')} not name:hungry")
        (top,) = [node for loop in found.loops for node in loop.tasks]
        assert (top.name, top.is_only_above) == ("owner", True)
        (child,) = top.children
        assert not child.is_only_above
        assert {node.number for node in found.tasks()} <= {n.number for n in snapshot.tasks()}
        text = str(found)
        assert ", no match" in text
        assert "held by task" in text  # who isn't there himself
        assert not any(node.is_only_above for node in snapshot.tasks())
        assert len(list(top.walk())) == 2
        # A second filter finds nothing that was there only for others.
        assert names(found.filter("name:owner")) == []
        return text

    assert "2 of 8 tasks" in kitchen(look)


def test_what_is_left_out_is_counted():
    def look(snapshot):
        found = snapshot.filter("name:cook")
        total = len(list(snapshot.tasks()))
        assert found.left_out == {"task": total - 1, "thread": len(snapshot.threads)}
        assert str(found).startswith(f"left out by the filter name:cook: {total - 1} tasks, ")
        twice = found.filter("hungry")
        assert twice.left_out["task"] == total
        assert twice.filtered_by == "(name:cook) and (hungry)"
        assert str(twice).startswith("Nothing matches the filter (name:cook) and (hungry).\n")

    kitchen(look)


def test_circles_stay_whole():
    def look(snapshot):
        (circle,) = snapshot.cycles
        found = snapshot.filter("name:crossed-1")
        (kept,) = found.cycles
        assert [node.number for node in kept] == [node.number for node in circle]
        assert names(found) == ["crossed-1"]
        line = next(line for line in snapshot.format() if "each other" in line)
        assert line in found.format()
        assert line in Snapshot.from_json(found.to_json()).format()
        assert snapshot.filter("name:cook").cycles == []

    kitchen(look)


def test_findings_say_what_is_stuck():
    class Finding:
        def __init__(self, nodes):
            self.nodes = nodes

    def look(snapshot):
        node = next(node for node in extract_all().tasks() if node.name == "cook")
        assert names(snapshot.filter("stuck", findings=[Finding([node])])) == ["cook"]
        assert names(snapshot.filter("stuck", findings=[])) == []

    kitchen(look)


def test_findings_are_not_asked_for_without_need():
    def findings():
        raise AssertionError("asked")
        yield

    assert kitchen(lambda snapshot: names(snapshot.filter("cook", findings=findings())))


def test_a_loop_is_not_said_to_stand_in_something_else():
    def look(snapshot):
        (loop,) = snapshot.loops
        loop.seconds_late = 5.0
        assert "the loop has stood in task" in str(snapshot)
        assert "has stood in" not in str(snapshot.filter("cook or MainThread"))

    kitchen(look)


def test_ages_need_the_clock():
    def look(snapshot):
        with pytest.raises(FilterError) as info:
            snapshot.filter("cook age>30")
        assert "call stackscope.clock.install()" in str(info.value)
        assert info.value.position == 5

    kitchen(look)
    assert Snapshot([], []).filter("age>30").loops == []


def test_threads():
    ready, leave = threading.Event(), threading.Event()

    def stand():
        ready.set()
        leave.wait(60)

    thread = threading.Thread(target=stand, name="stander")
    thread.start()
    ready.wait(60)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            snapshot = extract_all()
            found = [node.name for node in snapshot.filter("in:stand state:waiting").threads]
            if found:
                break
        assert found == ["stander"]
        assert snapshot.filter("name:stander").left_out["thread"] == len(snapshot.threads) - 1
        assert " stander " not in str(snapshot.filter("not name:stander"))
    finally:
        leave.set()
        thread.join()


def test_greenlets():
    greenlet = pytest.importorskip("greenlet", reason="greenlet isn't installed here")

    def ping():
        greenlet.getcurrent().parent.switch()

    item = greenlet.greenlet(ping)
    item.switch()
    try:
        snapshot = extract_all()
        (found,) = snapshot.filter("in:ping state:suspended").items
        assert found.item is item
        assert snapshot.filter("in:nowhere").items == []
    finally:
        item.switch()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_contexts_own_only_what_is_left():
    async def child():
        await asyncio.sleep(1000)

    async def main():
        async with asyncio.TaskGroup() as group:
            for name in ("one", "two"):
                group.create_task(child(), name=name)
            await asyncio.sleep(0)
            snapshot = extract_all()
            found = snapshot.filter("name:two")
            for task in list(group._tasks):
                task.cancel()
        return snapshot, found

    snapshot, found = asyncio.run(main())
    (top,) = [node for loop in found.loops for node in loop.tasks]
    (context,) = [one for frame in top.stack.frames for one in frame.contexts]
    assert [stack.root for stack in context.children] == [top.children[0].task]
    assert len(str(found).split("child in ")) == 2
    assert len(str(snapshot).split("(one)")) > 1
    assert "(one)" not in str(found)


class Hostile:
    """Runs nothing while it is looked at."""

    def __getattribute__(self, name):
        raise AssertionError(name)

    def __eq__(self, other):
        raise AssertionError

    def __hash__(self):
        raise AssertionError

    def __repr__(self):
        raise AssertionError

    def __enter__(self):
        pass

    def __exit__(self, *args):
        pass


def test_no_code_of_the_program_runs():
    async def main():
        with Hostile():
            snapshot = extract_all()
            texts = [f"{key}:x" for key in "name state in file with waits held-by library".split()]
            for text in [*texts, "x", "not stuck"]:
                snapshot.filter(text)
            assert filter_completions(snapshot, "with:Host") == ["with:Hostile"]
            return names(snapshot.filter("with:hostile"))

    assert len(asyncio.run(main())) == 1


def test_what_may_be_typed():
    def look(snapshot):
        def offered(text):
            return filter_completions(snapshot, text)

        assert {"name:", "state:", "held-by:", "stuck", "not ", "cook", "age>"} <= set(offered(""))
        assert offered("not (name:coo") == ["not (name:cook"]
        assert offered("name:crossed") == ["name:crossed-1", "name:crossed-2"]
        assert offered("state:run") == ["state:running"]
        assert "in:wait_for" in offered("in:wait_f")  # threads of other tests may be in more
        assert offered("with:Lo") == ["with:Lock"]
        assert offered("file:test_mat") == ["file:test_matching.py"]
        assert str(number(snapshot, "cook")) in [one[8:] for one in offered("held-by:")]
        assert "library:asyncio" in offered("library:asy")
        assert offered("nothing:") == []
        for text in [*offered("name:"), *offered("state:"), *offered("held-by:")]:
            snapshot.filter(text)  # all that is offered can be read

    kitchen(look)


def test_names_with_spaces_are_offered_in_quotes():
    def look(snapshot):
        next(snapshot.tasks()).name = "two words"
        assert filter_completions(snapshot, 'name:"two') == ['name:"two words"']
        assert len(names(snapshot.filter('name:"two words"'))) == 1

    kitchen(look)


@IN_TURN
def test_time_is_linear():
    async def main(total):
        tasks = [named(asyncio.sleep(1000), f"sleeper-{i}") for i in range(total)]
        await asyncio.sleep(0)
        snapshot = extract_all()
        times = []
        gc.disable()  # the collector's work depends on all else that there is
        for _ in range(3):
            begin = time.process_time()
            found = snapshot.filter("name:*7 waits:sleep not in:nowhere or stuck")
            times.append(time.process_time() - begin)
        gc.enable()
        assert len(list(found.tasks())) == total // 10
        for task in tasks:
            task.cancel()
        return min(times)

    few, many = asyncio.run(main(150)), asyncio.run(main(1200))
    assert many < 24 * few + 0.03


def test_it_is_public():
    assert stackscope.FilterError is FilterError


def test_names_of_a_class_of_the_program():
    class Name(str):
        __slots__ = ()

        def __getattribute__(self, name):
            raise AssertionError(name)

        def __hash__(self):
            raise AssertionError

        def __eq__(self, other):
            raise AssertionError

    def look(snapshot):
        next(snapshot.tasks()).name = Name("strange")
        assert len(names(snapshot.filter("name:strange"))) == 1
        assert len(names(snapshot.filter("name:=STRANGE"))) == 1
        assert filter_completions(snapshot, "name:str") == ["name:strange"]

    kitchen(look)
