"""`tasks`, `task` and `unfocus`."""

from __future__ import annotations

import asyncio
import gc
import re
import sys

import pytest

from tests.pdb.programs import program, run


class TestTasks:
    def test_shows_number_name_state_and_place(self, scripted):
        session = scripted("tasks", "c")
        run(session)
        lines = session.replies[0].splitlines()
        assert lines[0].startswith("asyncio loop in MainThread, stopped: 3 tasks")
        workers = [line for line in lines if "worker-" in line]
        assert len(workers) == 2
        assert all("waiting: Event.wait()" in line for line in workers)
        assert all("worker:" in line for line in workers)
        assert sum("running" in line and line.startswith(">") for line in lines) == 1

    def test_numbers_are_never_used_again(self, scripted):
        def numbers():
            session = scripted("tasks", "c")
            run(session)
            lines = session.replies[0].splitlines()[1:]
            return {int(line.lstrip("> ").split()[0]) for line in lines}

        first = numbers()
        gc.collect()
        second = numbers()
        assert len(first) == len(second) == 3
        assert not first & second

    def test_alike_tasks_are_folded_from_six_on(self, scripted):
        session = scripted("tasks", "c")
        run(session, workers=5)
        assert len(session.replies[0].splitlines()) == 7
        session = scripted("tasks", "c")
        run(session, workers=30)
        lines = session.replies[0].splitlines()
        assert len(lines) == 3
        assert re.search("30 × worker-0 … (worker-)?29  ", lines[2])

    def test_text_filters(self, scripted):
        session = scripted("tasks WORKER-1", "tasks event", "tasks nothing", "c")
        run(session)
        assert len(session.replies[0].splitlines()) == 2
        assert len(session.replies[1].splitlines()) == 3
        assert session.replies[2] == ("Nothing matches 'nothing'. 'tasks' shows all 3 tasks.")

    def test_how_long_and_who_holds_the_lock(self, scripted, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")
        session = scripted("tasks", "tasks held by", "c")

        async def hold(lock, number):
            async with lock:
                await asyncio.sleep(1000 + number)

        async def main():
            locks = asyncio.Lock(), asyncio.Lock()
            order = [0] * 8 + [1]  # seven wait for the first, nobody for the other
            tasks = [
                asyncio.create_task(hold(locks[n], n), name=f"worker-{i}")
                for i, n in enumerate(order)
            ]
            await asyncio.sleep(0.01)
            session.stop()
            for task in tasks:
                task.cancel()

        asyncio.run(main())
        table = session.replies[0]
        [number] = re.findall(
            r"^ +([0-9]+) worker-0 +waiting: asyncio.sleep\(\), [0-9.]+ s left", table, re.M
        )
        [row] = [line for line in table.splitlines() if " 7 × " in line]
        assert f"waiting: Lock.acquire(), held by {number}  " in row
        assert len(session.replies[1].splitlines()) == 2

    def test_tasks_that_wait_for_each_other(self, scripted):
        session = scripted("tasks", "tasks alone", "tasks first", "c")

        async def take(first, second):
            async with first:
                await asyncio.sleep(0)
                async with second:
                    pass

        async def main():
            one, two = asyncio.Lock(), asyncio.Lock()
            orders = {"first": (one, two), "second": (two, one), "alone": (asyncio.Lock(),) * 2}
            tasks = [asyncio.create_task(take(*locks)) for locks in orders.values()]
            for task, name in zip(tasks, orders):
                task.set_name(name)
            await asyncio.sleep(0.01)
            session.stop()
            for task in tasks:
                task.cancel()

        asyncio.run(main())
        numbers = {
            name: n for n, name in re.findall(r"(\d+) (first|second|alone) ", session.replies[0])
        }
        one, two, alone = (numbers[name] for name in ("first", "second", "alone"))
        circle = f"  waiting for each other: {one} > {two} > {one}"
        if circle not in session.replies[0]:
            circle = f"  waiting for each other: {two} > {one} > {two}"
        *circles, stuck = session.replies[0].splitlines()[-3:]
        assert set(circles) == {circle, f"  waiting for itself: {alone}"}
        assert stuck.startswith("! stuck: 3 tasks (")
        assert session.replies[1].splitlines()[2:] == [f"  waiting for itself: {alone}"]
        assert circle in session.replies[2]
        assert "itself" not in session.replies[2]

    def test_without_any(self, scripted):
        session = scripted("tasks", "task 1", "c")
        session.stop()
        assert session.replies[0] == "No task is alive in this process."
        assert session.replies[1] == "*** No task is alive in this process."

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
    def test_under_their_task_group(self, scripted):
        session = scripted("tasks", "ctx", "ctx 1.2", "unfocus", "c")

        async def sleep():
            await asyncio.sleep(0.01)

        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(sleep(), name="one")
                group.create_task(sleep(), name="two")
                await asyncio.sleep(0)
                session.stop()

        asyncio.run(main())
        lines = session.replies[0].splitlines()
        assert "async with asyncio.TaskGroup() as group  # main, line " in lines[2]
        assert "├ one" in lines[3]
        assert "├ two" in lines[4]
        assert session.replies[1].splitlines()[2].strip().startswith("1.1 ├ task ")
        assert session.prompts[3] == "(stackscope_pdb two)"

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
    def test_the_current_task_is_the_innermost_of_eager_ones(self, scripted):
        session = scripted("tasks", "task child", "task parent", "where", "where --hidden", "c")

        async def child():
            session.stop()
            await asyncio.sleep(0)

        async def parent():
            loop = asyncio.get_running_loop()
            await asyncio.Task(child(), loop=loop, name="child", eager_start=True)

        async def main():
            await asyncio.create_task(parent(), name="parent")

        asyncio.run(main())
        [marked] = [line for line in session.replies[0].splitlines() if line.startswith(">")]
        assert " child  " in marked
        assert "running" in marked
        number = marked[1:].split()[0]
        [outer] = [
            line for line in session.replies[0].splitlines() if f"starting {number} " in line
        ]
        assert " parent " in outer
        assert " parent:" in outer
        assert session.replies[1].startswith(f"The program stopped in task {number} (child) itself")
        assert f"(parent), which is starting task {number}:" in session.replies[3]
        for reply in session.replies[3:5]:
            assert "parent in " in reply
            assert f"task {number} child" in reply
            assert "stackscope_pdb" not in reply
            assert "child in " not in reply


class TestTask:
    def test_commands_work_in_its_frames(self, scripted):
        session = scripted(
            "task worker-1",
            "p number",
            "args",
            "list",
            "ll",
            "display number",
            "pp gate",
            "up",
            "c",
        )
        run(session)
        assert session.prompts[1] == "(stackscope_pdb worker-1)"
        assert session.replies[1] == "1"
        assert session.replies[2].startswith("number = 1\ngate = <asyncio.locks.Event")
        assert "->" in session.replies[3]
        assert "await gate.wait()" in session.replies[4]
        assert session.replies[5] == "display number: 1"
        assert "Event" in session.replies[6]
        assert session.replies[7] == "*** Oldest frame"

    def test_by_number_and_part_of_the_name(self, scripted):
        session = scripted("tasks ker-1", "task ker-1", "unfocus", "c")
        run(session)
        number = session.replies[0].splitlines()[1].split()[0]
        assert session.prompts[2] == "(stackscope_pdb worker-1)"
        assert session.replies[1].startswith(f"task {number} worker-1  waiting: Event.wait()")

    def test_it_stays_put_while_the_prompt_waits(self, scripted):
        session = scripted("task worker-0", "where", "p 1", "where", "c")
        assert run(session) == [0, 1]
        assert session.replies[1] == session.replies[3]

    def test_the_task_that_stopped(self, scripted):
        session = scripted("task worker-0", "task Task-", "p session", "c")
        run(session)
        assert "itself" in session.replies[1]
        assert session.prompts[2] == "(stackscope_pdb)"

    @pytest.mark.parametrize("command", ["step", "s", "return", "until", "jump 3", "j 3"])
    def test_refuses_to_step(self, scripted, command):
        session = scripted("task worker-0", command, "p number", "c")
        assert run(session) == [0, 1]
        assert "can't run task" in session.replies[1]
        assert "Use 'unfocus'" in session.replies[1]
        assert session.replies[2] == "0"

    def test_names_that_do_not_say_which(self, scripted):
        session = scripted("task", "task nobody", "task worker", "task 999999", "c")
        run(session)
        assert session.replies[0].startswith("*** Which task?")
        assert session.replies[1].startswith("*** No task is called 'nobody'. There are: ")
        assert session.replies[2].startswith("*** 2 tasks fit 'worker': ")
        assert session.replies[3].startswith("*** No living task has the number 999999. ")

    def test_by_the_function_that_only_one_task_stands_in(self, scripted):
        async def main():
            async def trace():
                await asyncio.sleep(100)

            async def idle():
                await asyncio.sleep(100)

            tasks = [asyncio.ensure_future(one()) for one in (trace, idle, idle)]
            await asyncio.sleep(0)
            session.stop()
            for task in tasks:
                task.cancel()

        session = scripted("task trace", "task idle", "task tra", "c")
        asyncio.run(main())
        assert "  trace:" in session.replies[0]
        assert session.replies[1].startswith("*** 2 tasks fit 'idle': ")
        assert session.replies[2].startswith("*** No task is called 'tra'. ")

    def test_same_name(self, scripted):
        session = scripted("task twin", "c")
        run(session, names="twin")
        assert session.replies[0].startswith("*** 2 tasks fit 'twin': ")
        assert session.replies[0].endswith("Give a number.")

    def test_name_that_is_the_number_of_another(self, scripted):
        out = []

        async def main():
            tasks = [asyncio.ensure_future(asyncio.sleep(0.01)) for _ in range(2)]
            await asyncio.sleep(0)
            look = scripted("tasks sleep", "c")
            look.stop()
            number = look.replies[0].splitlines()[1].split()[0]
            tasks[1].set_name(number)
            session = scripted(f"task {number}", f"task #{number}", "c")
            session.stop()
            out.extend(session.replies)
            await asyncio.gather(*tasks)

        asyncio.run(main())
        assert "is the number of task " in out[0]
        assert "and the name of task" in out[0]
        assert out[1].startswith("task ")

    def test_unfocus(self, scripted):
        session = scripted("unfocus", "task worker-0", "unfocus", "unfocus x", "c")
        run(session)
        assert session.replies[0] == "Nothing is focused: this is where the program stopped."
        assert "program()" in session.replies[2]
        assert session.replies[3] == "*** 'unfocus' takes no argument: 'x' is one."

    def test_a_new_stop_ends_it(self, scripted):
        session = scripted("task worker-0", "c", "p 1", "c")

        async def twice():
            await program(session)
            session.stop()

        asyncio.run(twice())
        assert session.prompts[1:3] == ["(stackscope_pdb worker-0)", "(stackscope_pdb)"]

    def test_strange_names(self, scripted):
        session = scripted("tasks xxx", "task xxx", "where", "c")
        name = "a\nb\x1b[31m" + "x" * 200
        run(session, workers=1, names=name)
        assert "\x1b" not in session.output
        assert session.prompts[2] == "(stackscope_pdb a\\nb\\x1b[31m" + "x" * 15 + "...)"
        assert max(map(len, session.replies[0].splitlines())) <= 80


def test_greenlets_have_a_table(scripted):
    greenlet = pytest.importorskip("greenlet", reason="greenlet isn't installed here")
    session = scripted("tasks", "tasks other", "tasks nothing", "c")

    def waits():
        greenlet.getcurrent().parent.switch()

    def other():
        greenlet.getcurrent().parent.switch()

    items = [greenlet.greenlet(waits) for _ in range(7)] + [greenlet.greenlet(other)]
    for item in items:
        item.switch()
    session.stop()
    for item in items:
        item.switch()
    everything, some, none = session.replies[:3]
    assert "8 greenlets:" in everything
    assert len([line for line in everything.splitlines() if "waits" in line]) == 1
    assert "1 greenlet:" in some
    assert "waits" not in some
    assert "'tasks' shows all 8 greenlets." in none
