"""Which columns of a table give way where they don't fit, and in which order."""

from __future__ import annotations

import sys

import pytest

from stackscope.render.columns import Row, Table, forms_of_name
from stackscope.render.stream import width_of
from stackscope.render.waits import StateParts


class Narrow:
    """A terminal of some width."""

    ellipsis, times = "…", "×"

    def __init__(self, width):
        self.width = width


def row(name="worker", state=None, place=("transfer", ":98 bank.py"), source="", count=1, **kwargs):
    names = [name] if count == 1 else [f"{name}-{n}" for n in range(count)]
    state = state or StateParts("waiting", "Event.wait()")
    return Row("7", forms_of_name(names, Narrow(0)), state, place, source, **kwargs)


def drawn(rows, width):
    table = Table(rows, Narrow(width))
    return ["".join(text for _, text in table.line(each)).rstrip() for each in rows]


LOCK = StateParts("waiting", "Lock.acquire()", "9.5 s left", "held by 8")
LONG = f"{__name__}.Session.run.<locals>.deliver_messages"
SOURCE = "async with self.lock: await self.deliver(message)"


def parts_at(width):
    """What is left of a row of the table at a width, from the first to give way to the last."""
    rows = [row(LONG, LOCK, source=SOURCE) for _ in range(3)]
    line = drawn(rows, width)[0]
    assert "held by 8" in line
    assert "transfer:98 bank.py" in line
    return (
        SOURCE[:14] in line,
        "9.5 s left" in line,
        LONG.rpartition(".")[2] in line,
        "Lock.acquire()" in line,
    )


def test_the_order_in_which_things_give_way():
    seen = list(dict.fromkeys(parts_at(width) for width in range(260, 49, -1)))
    assert seen == [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, True, True),
        (False, False, False, True),
        (False, False, False, False),
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_too_long_and_none_loses_what_matters(width):
    rows = [
        row("a-rather-long-name-of-a-task", LOCK, ("deliver_all_messages", ":1234 messages.py")),
        row("b", StateParts("ready"), ("f", ":1 app.py"), "await g()", tree="  │   ├ "),
        row(LONG, LOCK, source=SOURCE, tree="  ├ "),
        row("客户" * 9, LOCK, source=SOURCE),
        row("client", LOCK, source=SOURCE, count=6),
    ]
    for each, line in zip(rows, drawn(rows, width)):
        # The console cuts the source line at the end, and nothing else.
        without_source = line[: line.index(each.place[1]) + len(each.place[1])]
        assert width_of(without_source) <= width, line
        assert each.state.holders in without_source


def test_a_row_that_is_too_wide_costs_the_others_nothing():
    usual = [row(f"task-{n}", LOCK, source="await gate.wait()") for n in range(5)]
    alone = drawn(usual, 100)
    for odd in (
        row("x" * 90, LOCK),
        row("odd", StateParts("waiting", "a.very.long.call." * 6, "", "held by 8")),
        row("odd", LOCK, ("long_function_name_" * 3, ":98 bank.py")),
    ):
        lines = drawn([*usual, odd], 100)
        assert lines[:-1] == alone
        assert "held by 8" in lines[-1]
        assert ":98 bank.py" in lines[-1]
        assert width_of(lines[-1]) <= 100


def test_times_give_way_before_columns_are_torn():
    """All rows fit without them: none is moved to the right of the others."""
    rows = [
        row("__main__.main", StateParts("waiting", "end of nursery"), ("main", ":17 app.py")),
        row(
            "__main__.sleeper",
            StateParts("waiting", "trio.sleep_forever()"),
            ("sleeper", ":14 app.py"),
            tree="  ├ ",
        ),
        row(
            "__main__.trace",
            StateParts("waiting", "trio.sleep()", "1.4 s overdue"),
            ("trace", ":8 app.py"),
            tree="  ├ ",
        ),
    ]
    lines = drawn(rows, 74)
    assert len({line.index("waiting") for line in lines}) == 1
    assert "overdue" not in "".join(lines)
    assert "1.4 s overdue" in drawn(rows, 100)[2]


def test_the_longer_of_a_name_and_a_function_is_cut():
    state = StateParts("waiting", "StreamReader.readline()")
    place = ("read_orders", ":83 bank.py")
    assert drawn([row("bank-cleo-the-reader", state, place)], 80) == [
        "  7 bank-cleo…e-reader  waiting: StreamReader.readline()  read_orders:83 bank.py"
    ]
    place = ("read_all_orders_of_client", ":83 bank.py")
    assert drawn([row("reader", state, place)], 80) == [
        "  7 reader  waiting: StreamReader.readline()  read_all_or…s_of_client:83 bank.py"
    ]


def test_what_else_is_said_of_a_state_gives_way_before_names():
    state = StateParts("waiting", "Lock.acquire()", holders="held by 7", note="daemon")
    rows = [row("deadlock1", state, ("deadlock1", ":23 app.py"))] * 2
    assert (
        drawn(rows, 80)
        == ["  7 deadlock1  waiting: Lock.acquire(), held by 7, daemon  deadlock1:23 app.py"] * 2
    )
    assert (
        drawn(rows, 72)
        == ["  7 deadlock1  waiting: Lock.acquire(), held by 7    deadlock1:23 app.py"] * 2
    )


def test_names_of_many_that_are_alike():
    console = Narrow(0)
    assert forms_of_name(["client-0", "client-1", "client-5"], console) == [
        "3 × client-0 … client-5",
        "3 × client-0 … client-5",
        "3 × client-0 … 5",
        "3 × client-0…",
    ]
    assert forms_of_name(["same", "same"], console)[0] == "2 × same"
    assert forms_of_name(["w-9", "w-10"], console)[2] == "2 × w-9 … 10"
    assert forms_of_name([f"{__name__}.one"], console) == (f"{__name__}.one", "one")
    assert __name__ in sys.modules


def test_a_lock_is_named_rather_than_cut():
    state = StateParts("waiting", "Semaphore.acquire()", "", "held by 14, 15")
    rows = [row("Task-28", state, place=("discounted", ":55 shop.py")) for _ in range(3)]
    assert "waiting: Semaphore.acquire(), held by 14, 15" in drawn(rows, 80)[0]
    assert "waiting: Semaphore, held by 14, 15" in drawn(rows, 75)[0]


def test_both_ends_of_a_group_are_named_as_long_as_there_is_room():
    group = row("client", count=6, place=("client", ":115 shop.py"))
    names = ["6 × client-0 … client-5", "6 × client-0 … 5", "6 × client-0…5", "6 × client-0…"]
    found = [next(one for one in names if one in drawn([group], w)[0]) for w in range(72, 59, -1)]
    assert list(dict.fromkeys(found)) == names


def test_columns_are_aligned_by_cells():
    lines = drawn([row("客户" * 3), row("e\u0301a"), row("👩‍💻"), row("plain")], 80)
    assert len({width_of(line.partition("waiting")[0]) for line in lines}) == 1


def test_the_word_before_a_call_gives_way_before_names_and_columns_do():
    """In a terminal of 80 columns, no name of the example is cut."""
    reads = StateParts("waiting", "StreamReader.readline()", is_call=True)
    locks = StateParts("waiting", "Lock.acquire()", holders="held by 8", is_call=True)
    rows = [
        row("bank-cleo-reader", reads, ("read_orders", ":83 bank.py"), tree="  ├ "),
        row("journal", locks, ("keep_journal", ":115 bank.py"), tree="  ├ "),
        row("parent", StateParts("waiting", "task 5"), ("main", ":7 bank.py")),
        row("watchdog", StateParts("running"), ("watch", ":136 bank.py")),
    ]
    assert drawn(rows, 80) == [
        "  7   ├ bank-cleo-reader  StreamReader.readline()    read_orders:83 bank.py",
        "  7   ├ journal           Lock.acquire(), held by 8  keep_journal:115 bank.py",
        "  7 parent                waiting: task 5            main:7 bank.py",
        "  7 watchdog              running                    watch:136 bank.py",
    ]
    assert all("waiting: " in line for line in drawn(rows[:3], 100))
