"""What is stuck is marked where it is drawn."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

import stackscope
from stackscope.render.diagnosis import LONGEST_CHAIN, chain_lines
from stackscope.render.style import PALETTE

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


async def takes(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass


@pytest.fixture(scope="module")
def found():
    """Two tasks that wait for each other, and eight that wait behind one of them."""

    async def main():
        one, two = asyncio.Lock(), asyncio.Lock()
        pairs = {"first": (one, two), "second": (two, one)}
        tasks = [asyncio.create_task(takes(*pair), name=name) for name, pair in pairs.items()]
        await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(takes(one, one), name=f"behind-{n}") for n in range(8)]
        await asyncio.sleep(0.01)
        diagnosis = stackscope.diagnose(deep=False)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # So that the text is one of what was found, and not of what the tasks do afterwards.
        return type(diagnosis).from_json(diagnosis.to_json())

    return asyncio.run(main())


def marked(lines):
    """The names in rows and titles that are marked."""
    rows = [re.match(r"! *\d+ +\W*(\w+)", line) for line in lines]
    titles = [re.search(r"! task \d+ \((\w+)", line) for line in lines]
    return [one.group(1) for one in [*rows, *titles] if one]


def test_rows_and_titles(found):
    lines = found.snapshot.format(findings=found.findings)
    assert marked(lines) == ["first", "second"] * 2
    assert any("8 × behind-0" in line for line in lines)
    assert "!" not in "".join(found.snapshot.format())


def test_a_call_is_whole_in_a_title(found):
    """The place gives way before: the frames below tell it as well."""
    first = next(node for node in found.snapshot.tasks() if node.name == "first")
    for width in range(50 + 2 * len(str(first.number)), 110):
        lines = found.snapshot.format(width=width)
        (title,) = [line for line in lines if re.search(r"task \d+ \(first\): ", line)]
        assert "Lock.acquire()" in title
        assert re.search(
            r", held by (\d+|task \d+ \(second\))(: \d waiters)?(, at .*:\d+)?\n", title
        )


def test_those_that_are_stuck_have_rows_of_their_own(found):
    """However many others stand at the same lines."""
    heart, behind = found.findings[0].nodes[:1], found.findings[0].behind
    finding = stackscope.Finding("deadlock", certain=True, nodes=[behind[3]])
    lines = found.snapshot.format(findings=[finding])
    assert [line for line in lines if line.startswith("! ") and behind[3].name in line]
    assert any("7 × behind-" in line for line in lines)
    assert heart[0].name not in "".join(line for line in lines if line.startswith("!"))


def test_in_what_a_filter_finds(found):
    chosen = found.snapshot.filter("name:second")
    assert marked(chosen.format(findings=found.findings)) == ["second"] * 2


@pytest.mark.parametrize("width", [60, 80])
def test_narrow(found, width):
    lines = found.snapshot.format(findings=found.findings, width=width, stacks=False)
    stuck = [str(node.number) for node in found.findings[0].nodes]
    # At 60 columns, numbers of four digits leave no room for the names.
    assert re.findall(r"^! +(\d+) ", "".join(lines), re.M) == stuck
    assert max(len(line.rstrip("\n")) for line in lines if line[0] in "! ") <= width


@pytest.mark.parametrize("ascii_only", [False, True])
def test_colors_change_nothing_else(found, ascii_only):
    for shown, more in ((found, {}), (found.snapshot, {"findings": found.findings})):
        colored = shown.format(color=True, ascii_only=ascii_only, **more)
        assert f"\x1b[{PALETTE['alert']}m" in "".join(colored)
        plain = [ESCAPE.sub("", line) for line in colored]
        assert plain == shown.format(ascii_only=ascii_only, **more)


def test_no_escapes_of_others(found):
    """A name with escapes has none where colours are used."""
    name = "\x1b[31mred"
    found.snapshot.loops[0].tasks[0].name, before = name, found.snapshot.loops[0].tasks[0].name
    try:
        text = "".join(found.snapshot.format(color=True))
    finally:
        found.snapshot.loops[0].tasks[0].name = before
    assert name not in text


def test_a_dump_takes_colors_but_no_findings():
    with open(os.devnull, "w") as file:
        with pytest.raises(TypeError, match="findings is not an option of a dump"):
            stackscope.dump_after(1000, file=file, findings=())
        stackscope.dump_after(1000, file=file, color=True)
        stackscope.cancel_dump_after()


@pytest.mark.parametrize("width", [30, 60, 80])
def test_a_diagnosis_is_no_wider_than_asked(found, width):
    """A word may be too long for it, too."""
    node = found.findings[0].nodes[0]
    node.name, before = "x" * 100, node.name
    try:
        lines = found.format(width=width)
    finally:
        node.name = before
    assert max(len(line.rstrip("\n")) for line in lines) <= width
    assert any("x…" in line for line in lines)


@pytest.mark.parametrize("count", [1, 20, 21, 23])
def test_of_many_findings_the_first_ones_are_drawn(found, count):
    many = stackscope.Diagnosis(found.findings * count, found.graph, found.snapshot)
    text = str(many)
    assert text.count("first") == min(count, 20) * str(found).count("first")
    left = {21: "1 more finding\n", 23: "3 more findings\n"}
    assert text.endswith(left.get(count, ""))
    assert ("more finding" in text) is (count in left)


@pytest.mark.parametrize("count", [2, 10, 12])
def test_of_many_at_the_heart_the_first_ones_have_lines(found, count):
    nodes = found.findings[0].behind[:1] * count
    finding = stackscope.Finding("deadlock", certain=True, nodes=nodes)
    shown = str(stackscope.Diagnosis([finding], found.graph, found.snapshot))
    lines = re.findall(r"^  task \d+ \(behind-\d\) waits", shown, re.MULTILINE)
    assert len(lines) == min(count, 10)
    assert shown.count("\n    async with first:\n") == min(count, 10)
    assert (re.search(r"^  2 tasks .*more$", shown, re.MULTILINE) is not None) is (count == 12)


def test_what_those_wait_for_that_are_not_stuck():
    """The most frequent kind comes first, and of two that are as frequent the one that ends."""

    async def main():
        gate, future = asyncio.Event(), asyncio.get_running_loop().create_future()
        lock = asyncio.Lock()
        await lock.acquire()
        waits = [asyncio.sleep(100), gate.wait(), gate.wait(), gate.wait(), lock.acquire()]
        tasks = [asyncio.ensure_future(one) for one in [*waits, asyncio.wait_for(future, 100)]]
        await asyncio.sleep(0.01)
        text = str(stackscope.Diagnosis([], stackscope.Graph(), stackscope.extract_all()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return text

    text = asyncio.run(main())
    assert text.startswith(
        "Nothing is stuck: 3 tasks wait for events or conditions, 2 for timers, "
    )
    assert "1 for a lock" in text


@pytest.mark.parametrize("count", [3, 29, 30, 45])
def test_a_long_chain_is_no_circle(count):
    """From a task through those that await each other, to one that sleeps."""

    async def awaits(task):
        await task

    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(100), name="sleeper")]
        for number in range(count - 1):
            tasks.append(asyncio.create_task(awaits(tasks[-1]), name=f"waits-{number}"))
        await asyncio.sleep(0.01)
        diagnosis = stackscope.diagnose(deep=False)
        [last] = [node for node in diagnosis.snapshot.tasks() if node.task is tasks[-1]]
        lines = ["".join(text for _, text in line) for line in chain_lines(diagnosis, last)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return lines

    lines = asyncio.run(main())
    assert not any("circle" in line for line in lines)
    if count <= LONGEST_CHAIN:
        assert lines[-1] == "  which a timer ends"
    else:
        assert lines[-1].startswith("  and so on, from task ")
        assert f"(waits-{count - LONGEST_CHAIN - 2})" in lines[-1]


def test_a_chain_that_leads_to_a_circle(found):
    chain = chain_lines(found, found.findings[0].behind[0])
    assert list(chain)[-1][0] == ("alert", "  and so on, in a circle back to ")


WHOLE = """\
Deadlock: task N (first) and task N (second) wait for each other
  task N (first) waits for Lock.acquire(): N waiter, held by task N (second), at test_stuck.py:21 in takes
    async with second:
    holds the Lock that task N waits for, since test_stuck.py:19 in takes
  task N (second) waits for Lock.acquire(): Nst of N waiters, held by task N (first), at test_stuck.py:21 in takes
    async with second:
    holds the Lock that task N waits for, since test_stuck.py:19 in takes
  N tasks (N-N) are stuck behind them
  Look at (take them in the same order everywhere):
    test_stuck.py:19, then test_stuck.py:21
"""  # noqa: E501


def test_the_whole_text(found):
    """But for the numbers of tasks, and what stands before the names of files."""
    text = "".join(found.format(width=300))
    text = re.sub(r"\S*(test_stuck\.py)", r"\1", text)
    assert re.sub(r"(?<!py:)\b\d+", "N", text) == WHOLE


RING = ["task N (t0)", "task N (t1)", "task N (t2)"]


@pytest.mark.parametrize(
    ("size", "title"),
    [
        (1, "Deadlock: task N (t0) waits for itself"),
        (2, "Deadlock: task N (t0) and task N (t1) wait for each other"),
        (3, f"Deadlock of 3 tasks, each waiting for the next: {' > '.join([*RING, RING[0]])}"),
    ],
)
def test_the_title_is_a_sentence(size, title):
    async def main():
        locks = [asyncio.Lock() for _ in range(size)]
        tasks = [
            asyncio.create_task(takes(lock, locks[(n + 1) % size]), name=f"t{n}")
            for n, lock in enumerate(locks)
        ]
        await asyncio.sleep(0.01)
        text = str(stackscope.diagnose(deep=False))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return text

    text = asyncio.run(main())
    assert re.sub(r"task \d+", "task N", text.splitlines()[0]) == title
    held = [line.strip() for line in text.splitlines() if line.strip().startswith("holds ")]
    assert len(held) == size
    whom = "it" if size == 1 else r"task \d+"
    assert all(re.match(rf"holds the Lock that {whom} waits for, since ", line) for line in held)
