"""Who waits for whom: tasks below those that await them, circles, holders of locks."""

from __future__ import annotations

import asyncio
import re

from stackscope.api import extract_all
from tests.snapshot.programs import awaits, forever, look_at, nodes_by_name, start, waiting


def test_a_circle_is_shown_and_not_followed():
    async def main():
        others = {}

        async def member(name):
            while len(others) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0)
            # not directly: cancel() would follow the circle without end
            await asyncio.wait([others[name]])

        one = await start(member("two"), "one")
        two = await start(member("three"), "two")
        three = await start(member("one"), "three")
        outside = await start(awaits(asyncio.shield(one)), "outside")
        others.update(one=one, two=two, three=three)
        await asyncio.sleep(0.01)
        return [outside, one, two, three]

    snapshot, text = look_at(main)
    (circle,) = snapshot.cycles
    assert sorted(node.name for node in circle) == ["one", "three", "two"]
    found = nodes_by_name(snapshot)
    assert len(found) == 5
    assert found["outside"].children == [found["one"]]  # which is older
    assert "waiting for each other: task" in text
    for node in circle:
        assert text.count(f"├ task {node.number} ({node.name}): waiting for asyncio.wait()") == 1


def test_a_circle_that_nobody_else_awaits_hangs_below_its_first_task():
    async def main():
        others = {}

        async def member(name):
            while len(others) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await asyncio.wait([others[name]])  # as above

        others["one"] = await start(member("two"), "one")
        others["two"] = await start(member("one"), "two")
        await asyncio.sleep(0.01)
        return list(others.values())

    found = nodes_by_name(look_at(main)[0])
    first, last = sorted((found["one"], found["two"]), key=lambda node: node.is_awaited)
    assert (first.is_awaited, last.is_awaited) == (False, True)
    assert (first.children, last.children) == ([last], [])


def test_who_holds_a_lock():
    async def main():
        lock, semaphore = asyncio.Lock(), asyncio.Semaphore(1)
        condition = asyncio.Condition()

        async def hold():
            async with lock, semaphore:
                await forever()

        async def notified():
            async with condition:
                await condition.wait()

        holder = await start(hold(), "holder")
        tasks = [holder]
        tasks.append(await start(lock.acquire(), "for lock"))
        tasks.append(await start(semaphore.acquire(), "for semaphore"))
        tasks.append(await start(notified(), "for condition"))
        return tasks

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    holder = found["holder"]
    words = f"1 waiter, held by task {holder.number} (holder)"
    assert str(found["for lock"].waiting) == f"Lock.acquire(): {words}"
    assert str(found["for semaphore"].waiting) == f"Semaphore.acquire(): {words}"
    assert str(found["for condition"].waiting) == "Condition.wait(): 1 waiter"
    assert found["for lock"].waiting.holders == [holder.task]
    assert not found["for lock"].waiting.tasks
    assert holder.children == []


def test_a_deadlock_by_locks():
    async def at_once():
        locks = [asyncio.Lock(), asyncio.Lock()]

        async def take(first, second):
            async with locks[first]:
                await asyncio.sleep(0)
                async with locks[second]:
                    pass

        tasks = [asyncio.ensure_future(take(0, 1)), asyncio.ensure_future(take(1, 0))]
        await asyncio.sleep(0.01)
        return tasks

    snapshot, _ = look_at(at_once)
    (circle,) = snapshot.cycles
    assert len(circle) == 2
    assert all(node.waits_for == "Lock.acquire()" for node in circle)


def test_those_who_have_a_semaphore_and_wait_for_it_again():
    async def main():
        semaphore = asyncio.Semaphore(2)

        async def nested():
            async with semaphore:
                await asyncio.sleep(0.005)
                async with semaphore:
                    await forever()

        tasks = [await start(nested(), f"nested-{n}") for n in range(3)]
        await asyncio.sleep(0.02)
        return tasks

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    holders = [found["nested-0"].task, found["nested-1"].task]
    for n in range(3):
        assert sorted(found[f"nested-{n}"].waiting.holders, key=id) == sorted(holders, key=id)
    (circle,) = snapshot.cycles
    assert [node.task for node in circle] in (holders, holders[::-1])


def test_no_circle_while_somebody_outside_of_it_has_the_semaphore():
    async def main():
        semaphore = asyncio.Semaphore(2)

        async def nested():
            async with semaphore:
                await asyncio.sleep(0.001)
                async with semaphore:
                    pass

        async def hold():
            async with semaphore:
                await forever()

        tasks = [await start(hold(), "hold"), await start(nested(), "nested")]
        await asyncio.sleep(0.01)
        return tasks

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    assert len(found["nested"].waiting.holders) == 2
    assert snapshot.cycles == []


def test_who_waits_for_a_condition_has_let_go_of_its_lock():
    async def main():
        condition, lock = asyncio.Condition(), asyncio.Lock()
        of_lock = asyncio.Condition(lock)

        async def wait():
            async with condition:
                await condition.wait()

        async def wait_in_lock():
            async with lock:
                await of_lock.wait()

        async def hold():
            async with condition, lock:
                await forever()

        async def enter(what):
            async with what:
                pass

        return [
            await start(wait(), "waits"),
            await start(wait_in_lock(), "waits in lock"),
            await start(hold(), "holds"),
            await start(enter(condition), "for condition"),
            await start(enter(lock), "for lock"),
        ]

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    for name in ("for condition", "for lock"):
        assert found[name].waiting.holders == [found["holds"].task]


def test_many_alike_are_drawn_as_one():
    async def main():
        event = asyncio.Event()
        tasks = [await start(waiting(event), f"alike-{n}") for n in range(40)]
        tasks.append(await start(forever(), "other"))
        return tasks

    found = []
    snapshot, text = look_at(main)
    numbers = [node.number for node in snapshot.tasks() if node.name.startswith("alike")]
    assert f"… and 39 more at the same lines: {numbers[1]}-{numbers[-1]}\n" in text
    assert text.count("(alike-") == 1
    whole = "".join(snapshot.format(max_alike=None))
    assert whole.count("(alike-") == 40
    assert "".join(snapshot.format(ascii_only=True)).isascii()


def test_how_those_differ_that_are_drawn_as_one():
    async def main():
        locks = [asyncio.Lock() for _ in range(3)]

        async def hold(lock):
            async with lock:
                await forever()

        async def want(lock):
            async with lock:
                pass

        async def nap(seconds):
            await asyncio.sleep(seconds)

        tasks = [await start(hold(lock), f"has-{n}") for n, lock in enumerate(locks)]
        for lock, number in zip(locks, (7, 2, 2)):
            tasks += [await start(want(lock), "wants") for _ in range(number)]
        return tasks + [await start(nap(n), "naps") for n in (500, 55, 5005, 500, 500, 500)]

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    first, second, third = [f"task {found[f'has-{n}'].number} (has-{n})" for n in range(3)]
    [line] = [line for line in text.splitlines() if "(wants)" in line]
    assert (
        "waiting for Lock.acquire(): 7 waiters (7×), 2 waiters (4×), "
        f"held by {first} (7×), {second} (2×), {third} (2×), at "
    ) in line
    [line] = [line for line in text.splitlines() if "(naps)" in line]
    assert re.search(r": waiting for asyncio\.sleep\(\): 5\d\.\d to 500\d\.\d s left, at ", line)


def test_a_long_chain_of_waiting_tasks():
    async def main():
        tasks = [await start(forever(), "link-0")]
        for number in range(1, 300):
            tasks.append(asyncio.ensure_future(awaits(tasks[-1])))
            tasks[-1].set_name(f"link-{number}")
        await asyncio.sleep(0.01)
        found.append(extract_all())
        return tasks

    found = []
    snapshot, _ = look_at(main)
    names = [node.name for node in found[0].tasks()]
    assert len(names) == len(set(names)) == 301
    lines = found[0].format(max_alike=None)
    assert all(f"(link-{n})" in "".join(lines) for n in range(300))
    assert max(map(len, lines)) < 300


def test_tasks_drawn_elsewhere_are_called_by_number():
    async def main():
        many = [await start(forever(), f"many-{n}") for n in range(8)]
        first = await start(awaits(asyncio.gather(*many[:3])), "a-first")
        some = await start(asyncio.wait(many[1:4]), "b-some")
        rest = await start(awaits(asyncio.gather(*many)), "c-rest")
        return [*many, first, some, rest]

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    number = found["many-0"].number
    assert [found[f"many-{n}"].number for n in range(8)] == list(range(number, number + 8))
    one, two = [f"task {number + n} (many-{n})" for n in (1, 2)]
    assert f"├ also for {one}, {two}, drawn elsewhere\n" in text
    assert f"├ also for {one}, {two}, task {number + 3} (many-3), drawn elsewhere\n" not in text
    assert f"├ also for tasks {number}-{number + 3}, drawn elsewhere\n" in text or (
        f"├ also for task {number} (many-0), {one}, {two}, task {number + 3} (many-3), drawn"
        in text
    )


def test_diamonds_are_drawn_once():
    async def main():
        level = [await start(forever(), "bottom")]
        tasks = list(level)
        for depth in range(12):
            level = [await start(awaits(asyncio.wait(level)), f"{depth}-{n}") for n in range(3)]
            tasks += level
        return tasks[::-1]

    snapshot, text = look_at(main)
    assert len(list(snapshot.tasks())) == 38
    assert text.count("(bottom): waiting for asyncio.sleep") == 1
    assert snapshot.cycles == []
