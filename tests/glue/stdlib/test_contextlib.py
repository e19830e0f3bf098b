from __future__ import annotations

import contextlib
import sys
import types

import pytest

from stackscope import (
    PRUNE,
    Context,
    elaborate_context,
    extract,
    extract_child,
    fill_context,
    unwrap_context_generator,
)
from tests.helpers.stacks import all_names


def started(function, *args):
    generator = function(*args)
    next(generator)
    return generator


def filled(manager, **details):
    context = Context(manager, False, **details)
    fill_context(context)
    return context


@types.coroutine
def pause():
    yield


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def method(self, *args, **kwargs):
        pass

    def __repr__(self):
        return "<Manager>"


class AsyncManager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        pass

    async def method(self, *args):
        pass

    def __repr__(self):
        return "<AsyncManager>"


# ------------------------------------------------------------ @contextmanager


@contextlib.contextmanager
def outer_context(*args, **kwargs):
    with inner_context():
        yield


@contextlib.contextmanager
def inner_context():
    yield


@contextlib.asynccontextmanager
async def async_context(*args, **kwargs):
    await pause()
    yield
    await pause()


def test_inner_stack():
    def function():
        with outer_context(1, "x"):
            yield

    generator = started(function)
    [frame] = extract(generator)
    [context] = frame.contexts
    assert type(context.obj).__name__ == "_GeneratorContextManager"
    assert context.description == "outer_context(...)"
    assert all_names(context.inner_stack) == ["outer_context"]
    assert context.inner_stack.root is context.obj.gen
    [inner] = context.inner_stack.frames[0].contexts
    assert inner.description == "inner_context(...)"
    assert all_names(inner.inner_stack) == ["inner_context"]


def test_arguments_that_are_still_there():
    manager = outer_context(1, "x", key=[2])
    context = filled(manager)
    assert context.description == f"{__name__}.outer_context(1, 'x', key=[2])"
    with manager:
        assert filled(manager).description == "outer_context(...)"
    # what is exited has no stack any more
    context = filled(manager)
    assert context.inner_stack.frames == []


def test_arguments_with_odd_representations():
    class Odd:
        def __repr__(self):
            raise ValueError

    description = filled(outer_context(Odd(), "x" * 100_000)).description
    assert "<Odd object at 0x" in description
    assert "(repr raised ValueError)>" in description
    assert len(description) < 2_000


def test_qualified_names():
    class Class:
        @contextlib.contextmanager
        def method(self):
            yield

    with Class().method() as manager:
        pass
    manager = Class().method()
    with manager:
        name = "test_qualified_names.<locals>.Class.method(...)"
        assert filled(manager).description == name


def test_exiting():
    stacks = []

    @contextlib.contextmanager
    def manager():
        yield
        stacks.append(extract(generator))

    def function():
        with manager():
            pass
        yield

    generator = function()
    next(generator)
    [stack] = stacks
    assert all_names(stack) == ["function", "__exit__", "manager"]
    assert not any(frame.hide for frame in stack)
    [context] = stack.frames[0].contexts
    assert context.is_exiting
    assert context.inner_stack is None
    assert context.description == "test_exiting.<locals>.manager(...)"


def test_async():
    async def function():
        async with async_context():
            await pause()

    coroutine = function()
    coroutine.send(None)
    stack = extract(coroutine)
    assert all_names(stack)[0] == "function"
    assert all_names(stack)[-2:] == ["async_context", "pause"]
    assert stack.frames[0].contexts == []  # still entering
    coroutine.send(None)
    stack = extract(coroutine)
    assert all_names(stack) == ["function", "pause"]
    [context] = stack.frames[0].contexts
    assert context.is_async
    assert all_names(context.inner_stack) == ["async_context"]
    assert "async_context(" in context.description
    coroutine.send(None)
    stack = extract(coroutine)
    assert all_names(stack) == ["function", "__aexit__", "async_context", "pause"]
    [context] = stack.frames[0].contexts
    assert context.is_exiting
    assert context.inner_stack is None
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_unwrap_context_generator():
    calls = []

    @contextlib.contextmanager
    def manager():
        with inner_context():
            yield
            if look:
                look(extract(generator))

    @unwrap_context_generator.register(manager)
    def unwrap(frame, context):
        calls.append((frame.funcname, len(frame.contexts), context.is_exiting))
        return result

    def function():
        with manager():
            yield
        yield

    look, result = None, None
    generator = started(function)
    [context] = extract(generator).frames[0].contexts
    assert calls == [("manager", 1, False)]
    assert all_names(context.inner_stack) == ["manager"]

    result = inner = Manager()
    [context] = extract(generator).frames[0].contexts
    assert context.obj is inner
    assert context.inner_stack is None
    assert context.children == []

    result = PRUNE
    [context] = extract(generator).frames[0].contexts
    assert context.hide

    calls.clear()
    stacks, result = [], inner
    look = stacks.append
    next(generator)
    assert calls == [("manager", 1, True)]
    [context] = stacks[0].frames[0].contexts
    assert context.is_exiting
    assert context.obj is inner
    assert stacks[0].error is None

    calls.clear()
    finished = manager()
    with finished:
        look = None
    filled(finished)
    assert calls == []


def test_inner_stacks_deeper_than_the_recursion_limit():
    class Holder:
        """A manager that holds another one, which it doesn't enter: that would need recursion."""

        def __init__(self, inner):
            self.inner = inner

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    @elaborate_context.register(Holder)
    def elaborate(manager, context):
        if manager.inner is not None:
            context.inner_stack = extract_child(manager.inner, for_task=False)

    def level(inner):
        with Holder(inner):
            yield

    item = None
    for _ in range(sys.getrecursionlimit() + 200):
        item = started(level, item)
    stack = extract(item)
    depth = 0
    while stack is not None:
        assert stack.error is None
        [context] = stack.frames[0].contexts
        stack = context.inner_stack
        depth += 1
    assert depth == sys.getrecursionlimit() + 200
    while item is not None:
        item = item.gi_frame.f_locals["inner"]


def test_subclasses_with_properties_of_their_own():
    touched = []

    class Strange(contextlib._GeneratorContextManager):
        @property
        def gen(self):
            touched.append(1)
            raise ZeroDivisionError

        @gen.setter
        def gen(self, value):
            pass

    context = filled(Strange(lambda: iter(()), (), {}))
    assert touched == []
    assert context.inner_stack is None


# ---------------------------------------------------------------- exit stacks


def function(*args, **kwargs):
    pass


async def async_function(*args):
    pass


class Callable:
    def __call__(self, *args):
        pass

    def __repr__(self):
        return "<Callable>"


def described(stack, **details):
    context = filled(stack, **details)
    return [(child.varname, child.description) for child in context.children]


def test_exit_stack():
    manager = Manager()
    with contextlib.ExitStack() as stack:
        stack.enter_context(manager)
        stack.enter_context(inner_context())
        stack.push(manager)
        stack.push(outer_context(1))
        stack.push(manager.method)
        stack.push(function)
        stack.push(Callable())
        stack.push(manager.__exit__)
        stack.callback(function, 10, "hi", answer=42)
        stack.callback(manager.method)
        stack.callback(print, end="")
        stack.callback([].append, 1)
        stack.callback(Callable())
        context = filled(stack, varname="stack", start_line=17)
        children = context.children
        assert type(children) is list
        assert [child.description for child in children] == [
            "stack.enter_context(<Manager>)",
            "stack.enter_context(inner_context(...))",
            "stack.enter_context(<Manager>)",
            f"stack.enter_context({__name__}.outer_context(1))",
            "stack.push(<Manager>.method)",
            f"stack.push({__name__}.function)",
            "stack.push(<Callable>)",
            "stack.enter_context(<Manager>)",
            f"stack.callback({__name__}.function, 10, 'hi', answer=42)",
            "stack.callback(<Manager>.method)",
            "stack.callback(builtins.print, end='')",
            "stack.callback([].append, 1)",
            "stack.callback(<Callable>)",
        ]
        assert [child.varname for child in children] == [f"stack[{i}]" for i in range(13)]
        assert children[0].obj is manager
        assert children[4].obj is manager
        assert children[5].obj is function
        assert type(children[8].obj) is types.FunctionType
        assert all_names(children[1].inner_stack) == ["inner_context"]
        assert all(child.is_async is False for child in children)
        assert all(child.start_line == 17 for child in children)
        stack.pop_all()


def test_async_exit_stack():
    manager = AsyncManager()

    async def work():
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(manager)
            stack.push_async_exit(manager)
            stack.push_async_exit(manager.method)
            stack.push_async_exit(async_function)
            stack.push_async_callback(async_function, 1)
            stack.push_async_callback(manager.method)
            stack.enter_context(Manager())
            stack.callback(function)
            stack.push(function)
            await pause()

    coroutine = work()
    coroutine.send(None)
    [context] = extract(coroutine).frames[0].contexts
    assert [(child.description, child.is_async) for child in context.children] == [
        ("await stack.enter_async_context(<AsyncManager>)", True),
        ("await stack.enter_async_context(<AsyncManager>)", True),
        ("stack.push_async_exit(<AsyncManager>.method)", True),
        (f"stack.push_async_exit({__name__}.async_function)", True),
        (f"stack.push_async_callback({__name__}.async_function, 1)", True),
        ("stack.push_async_callback(<AsyncManager>.method)", True),
        ("stack.enter_context(<Manager>)", False),
        (f"stack.callback({__name__}.function)", False),
        (f"stack.push({__name__}.function)", False),
    ]
    assert context.children[2].obj is manager
    assert context.children[3].obj is async_function
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_exit_stack_without_a_name():
    stack = contextlib.ExitStack()
    stack.callback(function)
    assert described(stack) == [("_[0]", f"_.callback({__name__}.function)")]


def test_exit_stacks_in_exit_stacks():
    outer, inner = contextlib.ExitStack(), contextlib.ExitStack()
    inner.callback(function)
    outer.enter_context(inner)
    [child] = filled(outer, varname="outer").children
    [grandchild] = child.children
    assert grandchild.varname == "outer[0][0]"
    assert grandchild.description == f"outer[0].callback({__name__}.function)"


def test_an_exit_stack_that_contains_itself():
    stack, other = contextlib.ExitStack(), contextlib.ExitStack()
    stack.push(stack)
    stack.push(other)
    other.push(stack)
    context = filled(stack, varname="s")
    itself, other_context = context.children
    assert itself.obj is stack
    assert itself.children == ()
    [back] = other_context.children
    assert back.obj is stack
    assert back.children == ()
    stack.pop_all()
    other.pop_all()


def test_exit_stacks_nested_deeper_than_the_recursion_limit():
    levels = sys.getrecursionlimit() + 200
    stacks = [contextlib.ExitStack() for _ in range(levels)]
    for outer, inner in zip(stacks, stacks[1:]):
        outer.push(inner)
    context = filled(stacks[0])
    for _ in range(levels - 1):
        [context] = context.children
        assert context.description is not None
    for stack in stacks:
        stack.pop_all()


def test_exit_stack_in_a_frame_and_exiting():
    stacks = []

    def last():
        stacks.append(extract(generator))

    def work():
        with contextlib.ExitStack() as stack:
            stack.callback(function)
            stack.callback(last)
            yield
        yield

    generator = started(work)
    [context] = extract(generator).frames[0].contexts
    assert [child.varname for child in context.children] == ["stack[0]", "stack[1]"]
    next(generator)
    [stack] = stacks
    [context] = stack.frames[0].contexts
    assert context.is_exiting
    assert [child.varname for child in context.children] == ["stack[0]"]


def test_exit_methods_of_all_kinds():
    class Static:
        def __enter__(self):
            return self

        @staticmethod
        def __exit__(*exc):
            pass

        def __repr__(self):
            return "<Static>"

    class OfClass(Static):
        @classmethod
        def __exit__(cls, *exc):
            pass

    import threading

    lock = threading.Lock()
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock)
        stack.enter_context(Static())
        stack.enter_context(OfClass())
        context = filled(stack)
        assert context.children[0].obj is lock
        assert context.children[0].description.startswith("_.enter_context(<")
        if sys.version_info < (3, 15):  # where an exit stack keeps no trace of the manager
            assert context.children[1].description == "_.enter_context(<Static>)"
            assert context.children[2].description == "_.enter_context(<Static>)"
        else:
            assert context.children[1].description.startswith("_.push(tests.")
            assert context.children[2].description.startswith("_.push(<class 'tests.")
        stack.pop_all()
        lock.release()


def test_a_child_whose_hook_raises_does_not_harm_the_others():
    class Bad(Manager):
        pass

    @elaborate_context.register(Bad)
    def elaborate(manager, context):
        raise KeyError("bad")

    def work():
        with contextlib.ExitStack() as stack:
            stack.enter_context(Bad())
            stack.enter_context(inner_context())
            yield

    stack = extract(started(work))
    [context] = stack.frames[0].contexts
    assert [child.description for child in context.children] == [
        "stack.enter_context(<Manager>)",
        "stack.enter_context(inner_context(...))",
    ]
    assert all_names(context.children[1].inner_stack) == ["inner_context"]
    assert type(stack.error) is KeyError
    exit_stack = context.obj
    with pytest.raises(KeyError, match="bad"):
        filled(exit_stack)


def test_an_exit_stack_with_strange_contents():
    stack = contextlib.ExitStack()
    for contents in (None, 3, [], {}):
        stack._exit_callbacks = contents
        assert filled(stack).children in ((), [])
    del stack._exit_callbacks
    assert filled(stack).children in ((), [])


def test_no_code_of_the_contents_runs():
    class Odd:
        def __getattribute__(self, name):
            raise ZeroDivisionError

        def __call__(self, *exc):
            pass

        def __eq__(self, other):
            raise ZeroDivisionError

        __hash__ = None

    stack = contextlib.ExitStack()
    stack.push(Odd())
    stack.callback(Odd())
    descriptions = [description for name, description in described(stack)]
    assert descriptions[0].startswith("_.push(<")
    assert descriptions[1].startswith("_.callback(<")
    stack.pop_all()


def test_many_entries():
    stack = contextlib.ExitStack()
    for number in range(10_000):
        stack.callback(function, number)
    children = filled(stack).children
    assert len(children) == 10_000
    assert children[9_999].description == f"_.callback({__name__}.function, 9999)"
    stack.pop_all()
