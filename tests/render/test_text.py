from __future__ import annotations

import time

import pytest

from stackscope.model.stacks import Context, Frame, Stack
from stackscope.render.drawing import Layout, draw, plain
from stackscope.render.nodes import StackNode, View
from stackscope.render.stack import stack_block


def function():
    yield


@pytest.fixture
def pyframe():
    generator = function()
    next(generator)
    yield generator.gi_frame
    generator.close()


def drawn(stack, **options):
    layout = Layout(**options)
    return plain(draw(stack_block(StackNode(stack, View()), layout), layout), layout)


def nested(pyframe, depth):
    stacks = [Stack(None, [Frame(pyframe)])]
    for _ in range(depth):
        context = Context(1, False, inner_stack=stacks[-1], description="inner")
        stacks.append(Stack(None, [Frame(pyframe, contexts=[context])]))
    return stacks


def take_down(stacks):
    """Or else freeing the outermost would recurse through all of them."""
    while stacks:
        stacks.pop().frames = []


def test_a_thousand_levels(pyframe):
    stacks = nested(pyframe, 3000)
    lines = stacks[-1].format(whole=True)
    assert len(lines) == 1 + 3 * 3000 + 2
    assert lines[20] == "║ │ " * 9 + "║ ├ inner  # _: int\n"
    assert lines[21] == "║ │ " * 10 + "⋮21 ╠ " + lines[1][2:]
    assert lines[3001] == "║ │ " * 10 + "⋮3001 ╠ " + lines[1][2:]
    assert len(stacks[-1].as_stdlib_summary(show_contexts=True)) == 2 * 3000 + 1
    take_down(stacks)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_deep_levels_are_told_by_their_number(pyframe, ascii_only):
    """Each line has the number of its block, which may go on after deeper ones."""
    stacks = nested(pyframe, 12)
    lines = stacks[-1].format(ascii_only=ascii_only)
    place = lines[1][2:]
    take_down(stacks)
    base, sign, frame, rest, context, source = (
        ("|   " * 10, ":", "+ ", "| ", ". ", "` ")
        if ascii_only
        else ("║ │ " * 10, "⋮", "╠ ", "║ ", "├ ", "└ ")
    )
    assert lines[21:28] == [
        f"{base}{sign}21 {frame}{place}",
        f"{base}{sign}22 {context}inner  # _: int\n",
        f"{base}{sign}23 {frame}{place}",
        f"{base}{sign}24 {context}inner  # _: int\n",
        f"{base}{sign}25 {frame}{place}",
        f"{base}{sign}25 {rest}{source}yield\n",
        f"{base}{sign}23 {rest}{source}yield\n",
    ]


def test_work_is_linear_in_the_text(pyframe):
    def seconds_per_character(depth):
        stacks = nested(pyframe, depth)
        best = 1.0
        for _ in range(3):
            start = time.process_time()
            text = "".join(stacks[-1].format(whole=True))
            best = min(best, time.process_time() - start)
        take_down(stacks)
        return best / len(text)

    assert seconds_per_character(1600) < 5 * seconds_per_character(400)


def test_levels_can_be_limited(pyframe):
    stacks = nested(pyframe, 1000)
    lines = drawn(stacks[-1], max_depth=4)
    place = lines[1][2:]
    assert lines[1:] == [
        f"╠ {place}",
        "║ ├ inner  # _: int\n",
        f"║ │ ╠ {place}",
        "║ │ ║ ├ inner  # _: int\n",
        "║ │ ║ │ … deeper levels left out\n",
        "║ │ ║ └ yield\n",
        "║ └ yield\n",
    ]
    take_down(stacks)


def test_children_can_be_limited(pyframe):
    children = [Context(None, False, description=str(i)) for i in range(10_000)]
    stack = Stack(None, [Frame(pyframe, contexts=[Context(1, False, children=children)])])
    assert drawn(stack, max_children=2)[2:] == [
        "║ ├ with <???>:  # _: int\n",
        "║ ├── 0\n",
        "║ ├── 1\n",
        "║ ├── … 9,998 more\n",
        "║ └ yield\n",
    ]
    assert drawn(stack, max_children=2, ascii_only=True)[-2] == "|   . ... 9,998 more\n"
    assert len(drawn(stack)) == len(stack.format(whole=True)) == 10_004


def test_a_stack_that_contains_itself(pyframe):
    context = Context(1, False)
    stack = Stack(None, [Frame(pyframe, contexts=[context])])
    context.inner_stack = stack
    context.children = [stack, Stack("child", [])]
    assert stack.format()[2:] == [
        "║ ├ with <???>:  # _: int\n",
        "║ │ … the stack around this, again\n",
        "║ │   \n",
        "║ ├── <unidentified child>\n",
        "║ │   … the stack around this, again\n",
        "║ │   \n",
        "║ ├── 'child'\n",
        "║ └ yield\n",
    ]
    context.inner_stack = None
    context.children = []


def test_the_same_stack_twice_beside_itself_is_drawn_twice(pyframe):
    inner = Stack("inner", [])
    stack = Stack(None, [Frame(pyframe, contexts=[Context(1, False, children=[inner, inner])])])
    assert [line for line in stack.format() if "inner" in line] == ["║ ├── 'inner'\n"] * 2


def test_ascii_only_is_ascii_only(pyframe):
    context = Context(1, False, varname="größe", description="…")
    stack = Stack("ä", [Frame(pyframe, contexts=[context])], leaf="ö", error=ValueError("ü"))
    text = "".join(stack.format(ascii_only=True))
    assert text.isascii()
    assert "gr\\xf6\\xdfe" in text
    assert "'\\xe4'" in text


class Task:
    pass


def roots():
    async def agen():
        yield

    async def coro():
        pass

    coroutine = coro()
    yield "generator", function()
    yield "coroutine", coroutine
    yield "async generator", agen()
    yield "coroutine_wrapper", coroutine.__await__()
    asend = agen().asend(None)
    yield "asend", asend
    athrow = agen().athrow(ValueError)
    yield "athrow", athrow
    for item in (coroutine, asend, athrow):
        item.close()


@pytest.mark.parametrize("empty", [False, True])
def test_what_names_the_frames_already_is_not_named(pyframe, empty):
    count = 0
    for _, root in roots():
        header = Stack(root, [] if empty else [Frame(pyframe)]).format()[0]
        assert (header == "stackscope.Stack (most recent call last):\n") is not empty
        count += 1
    assert count == 6


def test_other_roots_are_named(pyframe):
    for root in (Task(), 0, "", [], ValueError("x")):
        header = Stack(root, [Frame(pyframe)]).format()[0]
        assert header == f"stackscope.Stack of {root!r} (most recent call last):\n"
    for root in (None, pyframe, Frame(pyframe)):
        header = Stack(root, [Frame(pyframe)]).format()[0]
        assert header == "stackscope.Stack (most recent call last):\n"


def test_a_hidden_part_on_its_own(pyframe):
    context = Context(1, False, hide=True)
    assert context.format() == []
    assert context.format(show_hidden_frames=True) == ["with <???>:  # _: int\n"]
    assert len(Frame(pyframe, hide=True).format()) == 2


def test_long_representations_are_cut_but_not_short(pyframe):
    stack = Stack("x" * 10_000, [], leaf="y" * 10_000)
    header, leaf = stack.format()
    assert 200 < header.count("x") < 1000
    assert 200 < leaf.count("y") < 1000
