"""What is shown is bounded, however much there is."""

from __future__ import annotations

import asyncio
import re
import sys
import threading

import pytest

from stackscope.render.stream import width_of
from stackscope.render.words import shortened
from stackscope_pdb.output.console import Console
from stackscope_pdb.views.code import shortened as cut_source


def deep(session, depth):
    if depth == 0:
        session.stop()
        return 0
    # Each level is at a line of its own.
    source = f"{chr(10) * depth}def further(): return deep(session, depth - 1)"
    namespace = {"deep": deep, "session": session, "depth": depth, "__name__": __name__}
    exec(source, namespace)
    return namespace["further"]()


def test_a_very_deep_stack(scripted):
    session = scripted("where", "frame 150", "where", "where --hidden", "up", "c")
    deep(session, 150)
    for reply in (session.replies[0], session.replies[2]):
        lines = reply.splitlines()
        assert len(lines) < 300
        assert re.search(r"\d+-\d+ ⋮ \d\d\d? frames of [a-z_, ]*tests folded", reply)
        assert "> " in [line[:2] for line in lines]
    assert len(session.replies[3].splitlines()) > 450
    # `up` doesn't skip those in the middle
    assert re.search("(deep|further)[(][)]", session.replies[4])


def recursive(session, depth):
    if depth == 0:
        session.stop()
        return 0
    return recursive(session, depth - 1)


def even(session, depth):
    return odd(session, depth - 1)


def odd(session, depth):
    if depth < 1:
        session.stop()
        return 0
    return even(session, depth - 1)


def test_equal_frames_in_a_row(scripted):
    session = scripted("where", "up", "up", "where", "where -c", "where --hidden", "c")
    recursive(session, 300)
    first, _, _, moved, with_contexts, everything, *_ = session.replies
    assert re.search(r"\n +\d+-\d+ ╠ × 300  recursive in ", first)
    assert first.count("recursive in") == 2
    assert moved == with_contexts
    assert re.search(r"╠ × 298  recursive in .*\n.*\n> +\d+ ╠ recursive in ", moved)
    assert moved.count("recursive in") == 4
    assert everything.count("recursive in") == 301


def test_functions_that_call_each_other_in_turns(scripted):
    session = scripted("where", "c")
    even(session, 200)
    [reply, *_] = session.replies
    assert reply.count("even in") == 2
    assert reply.count("odd in") == 2
    assert re.search(r"\n +\d+-\d+ ⋮ × 99 more: these 2 frames again\n", reply)


def test_many_threads_that_do_the_same(scripted):
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait, name=f"alike-{n}") for n in range(60)]
    for thread in threads:
        thread.start()
    session = scripted("threads", "threads alike-59", "thread alike-59", "c")
    session.stop()
    gate.set()
    for thread in threads:
        thread.join()
    lines = session.replies[0].splitlines()
    assert len(lines) < 20
    assert re.search(r"\d+-\d+ 60 × alike-0 … alike-59 +(waiting: )?Event", session.replies[0])
    assert "alike-59" in session.replies[1]
    assert session.prompts[3] == "(stackscope_pdb alike-59)"


def nested_program(session, owners, children):
    async def owner(gate, n):
        async with asyncio.TaskGroup() as group:
            for number in range(children):
                # none of them shall be at the same line as another one
                source = (
                    f"async def run(wait):\n{chr(10) * (n * children + number)}    await wait()"
                )
                namespace = {}
                exec(source, namespace)
                group.create_task(namespace["run"](gate.wait), name=f"kid-{n}-{number}")

    async def main():
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(owner(gate, n)) for n in range(owners)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        session.stop()
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_a_wide_and_deep_tree_of_tasks(scripted):
    session = scripted("tasks", "tasks kid-9-30", "c")
    nested_program(session, 10, 40)
    lines = session.replies[0].splitlines()
    assert "411 tasks" in lines[0]
    assert len(lines) == 202
    assert "… and more ('tasks FILTER' finds them)" in lines[-1]
    assert len(session.replies[1].splitlines()) == 4


def test_thousands_of_tasks(scripted):
    async def wait(gate, n):
        await gate.wait()

    async def main():
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(wait(gate, n)) for n in range(1500)]
        await asyncio.sleep(0)
        session.stop()
        gate.set()
        await asyncio.gather(*tasks)

    session = scripted("tasks", "c")
    asyncio.run(main())
    lines = session.replies[0].splitlines()
    assert "1501 tasks" in lines[0]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert "1500 × " in session.replies[0]


def test_characters_of_two_columns(scripted):
    async def wait(gate):
        await gate.wait()

    async def main():
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(wait(gate)) for _ in range(2)]
        tasks[0].set_name("客户" * 3)
        tasks[1].set_name("客户" * 30)
        await asyncio.sleep(0)
        session.stop()
        gate.set()
        await asyncio.gather(*tasks)

    session = scripted("tasks", "c")
    asyncio.run(main())
    rows = session.replies[0].splitlines()[1:]
    assert max(map(width_of, rows)) <= 80
    assert len({width_of(row.partition("wait:")[0]) for row in rows if "wait:" in row}) == 1
    assert width_of("e\u0301 客") == 4


def test_widths_are_those_of_cells():
    for text in ("é", "e\u0301"):
        assert width_of(text) == 1
    for text in ("한", "\u1112\u1161\u11ab", "😀", "a\u200db"):
        assert width_of(text) == 2
    for width in range(2, 20):
        assert width_of(shortened("e\u0301客户" * 9, width, "…")) in (width, width - 1, width - 2)
    assert not shortened("ab" + "e\u0301" * 9, 6, "…").partition("…")[2].startswith("\u0301")


def test_sentences_are_wrapped_by_cells():
    class Wide(Console):
        def __init__(self):
            self.is_terminal, self.width = True, 24

    lines = Wide().wrapped("客户 client 'a' 客户客户客户 is not there, 客户客户.").split("\n")
    assert len(lines) > 2
    assert max(map(width_of, lines)) <= 20


def test_lines_with_tabs_and_colours_are_cut_by_cells():
    line = "\x1b[1m 12\x1b[0m\tx = '客户客户'\t# 客户"
    for width in range(8, 30):
        assert width_of(re.sub("\x1b\\[[0-9]*m", "", cut_source(line, width, "…"))) <= width
    assert cut_source("a\tb", 9, "…") == "a\tb"
