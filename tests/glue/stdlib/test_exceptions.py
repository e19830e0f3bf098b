"""Exceptions and tracebacks as stack items: the blocks that were open at the raising lines."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import sys
import threading
import types
import weakref

import pytest

from stackscope import Context, Stack, customize, extract, extract_outermost
from tests.helpers.stacks import all_names

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


class Manager:
    """A manager that notes which others are active in the same function."""

    active = []

    def __init__(self, name, fail=""):
        self.name = name
        self.fail = fail

    def __enter__(self):
        if self.fail == "enter":
            raise KeyError(self.name)
        self.active.append(self.name)
        return self

    def __exit__(self, *exc):
        if self.fail == "exit":
            raise KeyError(self.name)
        if exc[0] is None or self.fail != "stays":
            self.active.remove(self.name)
        return self.fail == "swallow"

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self.__enter__()

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)
        return self.__exit__(*exc)


def raised_by(function, *args):
    try:
        function(*args)
    except Exception as exc:
        return exc
    raise AssertionError("nothing was raised")


def open_in(frame):
    """The ``as`` targets of a frame's contexts, with an exclamation mark if exiting."""
    blocks = [context for context in frame.contexts if context.description is None]
    return [block.varname + "!" * block.is_exiting for block in blocks]


# ------------------------------------------------------------------ frames


def fail():
    pass  # the line above the one that counts
    raise ValueError


def call():
    fail()


def test_traceback_and_exception():
    error = raised_by(call)
    for item in (error, error.__traceback__):
        stack = extract(item)
        assert all_names(stack) == ["raised_by", "call", "fail"]
        assert stack.frames[2].lineno == fail.__code__.co_firstlineno + 2
        assert stack.root is item
        assert (stack.leaf, stack.error) == (None, None)
        assert [frame.contexts for frame in stack.frames] == [[], [], []]
    assert extract_outermost(error).lineno == error.__traceback__.tb_lineno


def test_an_exception_that_was_never_raised():
    error = ValueError()
    stack = extract(error)
    assert stack.frames == []
    assert stack.leaf is error


def test_a_traceback_made_by_hand():
    frame = sys._getframe()
    with Manager("a") as a:
        for lasti in (-1, 10**6, 3):
            [made] = extract(types.TracebackType(None, frame, lasti, -1)).frames
            assert (made.pyframe, made.contexts) == (frame, [])
            assert made.lineno >= 0


# ------------------------------------------------------------------ blocks


def in_body():
    with Manager("a") as a, Manager("b") as b:
        raise ValueError
    return a, b


def after_a_block():
    with Manager("a") as a:
        with Manager("b") as b:
            pass
        raise ValueError


def in_enter():
    with Manager("a") as a, Manager("b", "enter") as b:
        pass


def in_exit():
    with Manager("a") as a, Manager("b", "exit") as b:
        pass


def in_exit_on_an_exception():
    with Manager("a") as a, Manager("b", "exit") as b:
        raise ValueError


def in_a_handler():
    with Manager("a") as a:
        try:
            with Manager("b") as b:
                raise KeyError
        except KeyError:
            with Manager("c") as c:
                raise ValueError


def in_finally():
    with Manager("a") as a:
        try:
            with Manager("b") as b:
                return b
        finally:
            raise ValueError


def after_swallowing():
    with Manager("a") as a:
        with Manager("b", "swallow") as b:
            raise KeyError
        with Manager("c") as c:
            raise ValueError


def in_a_loop():
    for turn in range(3):
        with Manager("a") as a:
            with Manager("b") as b:
                if turn < 1:
                    continue
            if turn == 2:
                raise ValueError


def in_a_comprehension():
    with Manager("a") as a:
        return [1 // number for number in (1, 0)]


def reraised():
    with Manager("a") as a:
        try:
            with Manager("b") as b:
                raise ValueError
        except ValueError:
            raise


def in_a_nested_expression():
    with Manager("a") as a:
        return [1, 2, (3, {4: 1 // 0})]


async def awaiting_exit():
    async with Manager("a") as a, Manager("b", "exit") as b:
        pass


async def awaiting_enter():
    async with Manager("a") as a, Manager("b", "enter") as b:
        pass


async def cancelled():
    async with Manager("a") as a:
        with Manager("b") as b:
            await asyncio.wait_for(asyncio.sleep(60), 0.001)


def generate():
    with Manager("a") as a:
        yield
        with Manager("b") as b:
            yield


def thrown_into():
    generator = generate()
    next(generator)
    next(generator)
    generator.throw(ValueError())


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (in_body, "a b"),
        (after_a_block, "a"),
        (in_enter, "a"),
        (in_exit, "a b!"),
        (in_exit_on_an_exception, "a b!"),
        (in_a_handler, "a c"),
        (in_finally, "a"),
        (after_swallowing, "a c"),
        (in_a_loop, "a"),
        (in_a_comprehension, "a"),
        (reraised, "a b"),
        (in_a_nested_expression, "a"),
        (awaiting_exit, "a b!"),
        (awaiting_enter, "a"),
        (cancelled, "a b"),
        (thrown_into, "a b"),
    ],
)
def test_which_blocks_were_open(function, expected):
    if inspect.iscoroutinefunction(function):
        error = raised_by(asyncio.run, function())
    else:
        error = raised_by(function)
    code = (generate if function is thrown_into else function).__code__
    frames = [frame for frame in extract(error).frames if frame.pyframe.f_code is code]
    assert open_in(frames[0]) == expected.split()
    for context in frames[0].contexts:
        assert context.is_past
        if context.description is not None:
            continue
        if context.varname in "ab" and context.obj is not None:
            assert context.obj.name == context.varname
        assert context.is_async == (function in (awaiting_exit, awaiting_enter, cancelled)) or (
            function is cancelled and context.varname == "b"
        )
        assert code.co_firstlineno < context.start_line <= frames[0].lineno


def test_blocks_are_those_of_then_although_the_frame_runs_on():
    with Manager("a") as a:
        try:
            with Manager("b") as b:
                raise ValueError
        except ValueError as exc:
            error = exc
        with Manager("c") as c:
            [frame] = extract(error).frames
            assert open_in(frame) == ["a", "b"]
    [frame] = extract(error.__traceback__).frames
    assert open_in(frame) == ["a", "b"]


def test_the_text_says_that_they_are_past():
    lines = "".join(extract(raised_by(in_body)).format(ascii_only=True)).splitlines()
    number = in_body.__code__.co_firstlineno + 1
    assert lines[-4:] == [
        f"+ in_body in {__name__} at {__file__}:{number + 1}",
        f'| . with Manager("a") as a:  # a: Manager (line {number}, past)',
        f'| . with Manager("b") as b:  # b: Manager (line {number}, past)',
        "| ` raise ValueError",
    ] or lines[-3:] == [
        f'| . with Manager("a") as a, Manager("b") as b:  # a: Manager (line {number}, past)',
        f'| . with Manager("a") as a, Manager("b") as b:  # b: Manager (line {number}, past)',
        "| ` raise ValueError",
    ]


def test_without_contexts():
    stack = extract(raised_by(in_body), with_contexts=False)
    assert all_names(stack) == ["raised_by", "in_body"]
    assert [frame.contexts for frame in stack.frames] == [[], []]


# ---------------------------------------------------------------- managers


class Wrapper:
    def __init__(self, inner):
        self.inner = inner

    def __enter__(self):
        return self.inner

    def __exit__(self, *exc):
        pass


@contextlib.contextmanager
def opened():
    with Manager("inside") as manager:
        yield manager


def by_name(lock):
    with lock:
        raise ValueError


def by_name_in_a_loop():
    for lock in [threading.Lock(), threading.Lock()]:
        with lock:
            raise ValueError


def rebound(lock):
    with lock:
        lock = Manager("another")
        raise ValueError


def rebound_later(lock):
    try:
        with lock:
            raise ValueError
    except ValueError:
        lock = Manager("another")
        raise


def either(lock):
    with lock or Manager("another"):
        raise ValueError


def by_target(lock):
    with Manager("a", fail="") as target:
        raise ValueError


def another_behind_the_target(lock):
    with Wrapper(Manager("inner")) as target:
        raise ValueError


def a_generator_behind_the_target(lock):
    with opened() as target:
        raise ValueError


def target_rebound(lock):
    with Manager("a") as target:
        target = Manager("another")
        raise ValueError


class AsyncManager:
    name = "a"

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)


async def by_async_target():
    async with AsyncManager() as target:
        raise ValueError


def test_a_manager_that_a_variable_still_holds():
    lock = threading.Lock()
    [context] = extract(raised_by(by_name, lock)).frames[-1].contexts
    assert (context.obj, context.varname) == (lock, "lock")
    for function in (by_target, lambda lock: asyncio.run(by_async_target())):
        [context] = extract(raised_by(function, lock)).frames[-1].contexts
        assert type(context.obj) in (Manager, AsyncManager)
        assert (context.obj.name, context.varname) == ("a", "target")


@pytest.mark.parametrize(
    "function",
    [
        rebound,
        rebound_later,
        either,
        another_behind_the_target,
        a_generator_behind_the_target,
        target_rebound,
    ],
)
def test_a_manager_that_may_be_another_one_is_unknown(function):
    stack = extract(raised_by(function, Manager("a")))
    [frame] = [frame for frame in stack.frames if frame.funcname == function.__name__]
    [context] = frame.contexts
    assert context.obj is None
    assert context.varname in (None, "target")


@pytest.mark.skipif(sys.version_info < (3, 9), reason="3.8 doesn't tell who swallows exceptions")
def test_a_manager_in_a_loop_that_was_left():
    error = raised_by(by_name_in_a_loop)
    [context] = extract(error).frames[-1].contexts
    assert type(context.obj) is type(threading.Lock())


def test_a_manager_in_a_loop_that_goes_on_is_unknown():
    errors = []
    for lock in [threading.Lock(), threading.Lock()]:
        try:
            with lock:
                raise ValueError
        except ValueError as exc:
            errors.append(exc)
    for error in errors:
        [context] = extract(error).frames[0].contexts
        assert (context.obj, context.varname) == (None, None)


def test_frames_that_were_cleared():
    error = raised_by(by_name, threading.Lock())
    for frame in extract(error).frames[1:]:
        frame.pyframe.clear()
    [context] = extract(error).frames[-1].contexts
    assert (context.obj, context.varname) == (None, None)


# --------------------------------------------------------------- relations


def children(frame):
    """The descriptions of a frame's related exceptions, and these."""
    return {
        context.description: [
            child.root if type(child) is Stack else child.obj for child in context.children
        ]
        for context in frame.contexts
        if context.description
    }


def with_cause():
    try:
        call()
    except ValueError as exc:
        with Manager("a") as a:
            raise KeyError from exc


def with_context():
    try:
        call()
    except ValueError:
        raise KeyError


def from_none():
    try:
        call()
    except ValueError:
        raise KeyError from None


def test_cause_and_context():
    for function, words in ((with_cause, "raised from:"), (with_context, "raised while handling:")):
        error = raised_by(function)
        stack = extract(error)
        assert stack.error is None
        related = error.__cause__ or error.__context__
        assert children(stack.frames[-1]) == {words: [related]}
        [child] = stack.frames[-1].contexts[-1].children
        assert all_names(child) == [function.__name__, "call", "fail"]
        assert (child.leaf, child.error) == (None, None)
        lines = stack.format()
        assert f"║ ├ {words}\n" in lines
        assert "║ ├── ValueError()\n" in lines
        assert children(extract_outermost(error)) == {}
    assert children(extract(raised_by(from_none)).frames[-1]) == {}
    assert children(extract(error.__traceback__).frames[-1]) == {}


def group():
    inner = ExceptionGroup("inner", [raised_by(with_context), TypeError("never raised")])
    raise ExceptionGroup("outer", [raised_by(call), inner])


def test_groups():
    error = raised_by(group)
    stack = extract(error)
    assert stack.error is None
    assert children(stack.frames[-1]) == {"2 exceptions:": list(error.exceptions)}
    first, inner = stack.frames[-1].contexts[-1].children
    assert all_names(first) == ["raised_by", "call", "fail"]
    # It has no frame that its members could belong to.
    assert type(inner) is Context
    assert inner.obj is error.exceptions[1]
    [members] = inner.children
    raised, never_raised = members.children
    assert all_names(raised) == ["raised_by", "with_context"]
    assert children(raised.frames[-1])["raised while handling:"]
    assert (never_raised.frames, never_raised.leaf) == ([], None)
    text = str(stack)
    assert "├── ExceptionGroup('inner', [KeyError(), TypeError('never raised')])" in text
    assert "─ TypeError('never raised')\n" in text


def test_each_is_drawn_once():
    shared = raised_by(call)
    errors = [raised_by(call) for _ in range(40)]
    for error, following in zip(errors, errors[1:]):
        error.__cause__ = ExceptionGroup("diamond", [following, following, shared])
    errors[-1].__cause__ = errors[0]
    text = str(extract(errors[0]))
    assert text.count("raise ValueError\n") == len(errors) + 1
    chain = raised_by(call)
    for _ in range(2000):
        error = raised_by(call)
        error.__cause__ = chain
        chain = error
    stack = extract(chain)
    assert "".join(stack.format(whole=True)).count("raised from:") == 2000
    text = str(stack)
    assert 100 < text.count("raised from:") < 1000
    assert "… deeper levels left out\n" in text


def test_relations_are_shown_below_a_frame_that_is_shown():
    @customize(hide=True)
    def machinery():
        raise KeyError from raised_by(call)

    def user():
        machinery()

    frames = extract(raised_by(user)).frames
    assert [frame.hide for frame in frames] == [False, False, True]
    assert list(children(frames[1])) == ["raised from:"]


def test_hooks_may_hide_frames_but_the_traceback_stays():
    """What a frame would go on into now is not where the exception came from."""

    @customize(hide=True, prune=True)
    def pruned():
        call()

    @customize(elaborate=lambda frame, next_inner: generator)
    def replaced():
        pruned()

    generator = generate()
    next(generator)
    frames = extract(raised_by(replaced)).frames
    assert [frame.funcname for frame in frames] == [
        "raised_by", "replaced", "pruned", "call", "fail",
    ]  # fmt: skip
    assert [frame.hide for frame in frames] == [False, False, True, False, False]
    assert all(frame.is_past for frame in frames)
    assert not extract(generator).frames[0].is_past


def test_attributes_of_the_program_are_not_asked():
    class Strange(ExceptionGroup):
        def __getattribute__(self, name):
            if watched:
                touched.append(name)
            return super().__getattribute__(name)

        @property
        def __cause__(self):
            touched.append("cause")

    touched, watched = [], False

    def fails():
        raise Strange("strange", [raised_by(call)])

    error = raised_by(fails)
    touched.clear()
    watched = True
    stack = extract(error)
    watched = False
    assert touched == []
    assert len(children(stack.frames[-1])["1 exception:"]) == 1


def test_nothing_is_kept_alive():
    class Weak(Exception):
        pass

    def fails():
        with Manager("a") as a:
            raise Weak from raised_by(call)

    error = raised_by(fails)
    ref = weakref.ref(error)
    extract(error)
    del error
    gc.collect()
    gc.collect()
    assert ref() is None
