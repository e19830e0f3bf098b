"""Whatever is nested however deep: text and time grow as it does, and no more."""

from __future__ import annotations

import contextlib
import sys
import time

import pytest

import stackscope
from tests.helpers.rows import IN_TURN

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

DEPTH = 300


def chain(depth):
    exc = None
    for number in range(depth):
        older, exc = exc, ValueError(number)
        exc.__context__ = older
    with contextlib.suppress(ValueError):
        raise exc
    return exc


def raised_chain(depth):
    found = None
    for number in range(depth):
        try:
            raise ValueError(number) from found
        except ValueError as exc:
            found = exc
    return found


def groups(depth):
    found = ValueError("innermost")
    for _ in range(depth):
        found = ExceptionGroup("group", [found])
    with contextlib.suppress(ExceptionGroup):
        raise found
    return found


def raised_groups(depth):
    found = ValueError("innermost")
    for _ in range(depth):
        try:
            raise ExceptionGroup("group", [found])
        except ExceptionGroup as exc:
            found = exc
    return found


def exit_stacks(depth):
    stacks = [contextlib.ExitStack()]
    for _ in range(depth):
        stacks.append(contextlib.ExitStack())
        stacks[-2].push(stacks[-1].__exit__)

    def program(all_stacks):
        with all_stacks[0]:
            yield
            while all_stacks:
                all_stacks.pop().pop_all()

    generator = program(stacks)
    next(generator)
    return generator


class Inside:
    """A context that has something inside, and a task that has something below it."""

    def __init__(self, inner, kind):
        self.inner = inner
        self.kind = kind

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


@stackscope.elaborate_context.register(Inside)
def elaborate(manager, context):
    if manager.inner is None:
        return
    stack = stackscope.extract_child(manager.inner, for_task=manager.kind == "task")
    if manager.kind == "task":
        context.children = [stack]
    else:
        context.inner_stack = stack


def inside(depth, kind):
    def program(manager):
        with manager:
            yield

    generator = None
    for _ in range(depth):
        generator = program(Inside(generator, kind))
        next(generator)
    return generator


def contexts(depth):
    return inside(depth, "context")


def tasks(depth):
    return inside(depth, "task")


EVERY = pytest.mark.parametrize(
    "make",
    [chain, raised_chain, groups, raised_groups, exit_stacks, contexts, tasks],
    ids=lambda make: make.__name__,
)


def measured(make, depth):
    """Seconds and characters for extracting and drawing something."""
    item = make(depth)
    start = time.process_time()
    stack = stackscope.extract(item, recurse_child_tasks=True)
    lines = [*stack.format(whole=True), *stack.format(ascii_only=True, whole=True)]
    flat = stack.format_flat(show_contexts=True)
    seconds = time.process_time() - start
    if make is exit_stacks:
        next(item, None)  # closing it would close all, which recurses
    assert stack.error is None
    assert max(map(len, lines)) < 1000
    size = sum(map(len, lines)) + sum(map(len, flat))
    return seconds, size, len(lines)


@IN_TURN
@EVERY
def test_text_and_time_are_linear(make):
    _, small, few = measured(make, DEPTH)
    seconds, size, many = measured(make, 4 * DEPTH)
    assert few >= 2 * DEPTH
    assert 3.5 * few < many < 4.5 * few
    assert size < 4.5 * small
    again = min(measured(make, DEPTH)[0] for _ in range(2))
    assert seconds < 10 * again + 0.5


def test_work_is_spread_evenly_over_many_and_deep():
    """Siblings at every level: what stands around each is known without going through it all."""
    import gc

    class Tree:
        def __init__(self, children):
            self.children = children

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    @stackscope.elaborate_context.register(Tree)
    def elaborate_tree(manager, context):
        context.children = [
            stackscope.extract_child(child, for_task=True) for child in manager.children
        ]

    def program(manager):
        with manager:
            yield

    def leaf():
        yield

    def made(generator):
        next(generator)
        return generator

    tree = Tree([])
    top = generator = made(program(tree))
    for _ in range(600):
        deeper = Tree([])
        tree.children = [made(leaf()), made(program(deeper)), made(leaf())]
        tree.children.append(top)  # it is inside of itself
        tree = deeper
    stack = stackscope.extract(generator, recurse_child_tasks=True)
    text = "".join(stack.format(whole=True))
    assert stack.error is None
    assert text.count("leaf in") == 1200
    assert text.count("program in") == 601
    tree.children = []
    del stack
    gc.collect()
