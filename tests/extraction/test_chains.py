"""A chain of coroutines that is read at once looks as it does frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import sys
import threading
import types

import pytest

import stackscope
from stackscope.extraction import chains, extraction
from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.lookups import Lookups
from stackscope.interpreter.facts import FREE_THREADED, IS_CPYTHON
from tests.helpers.rows import ALL_ROWS

pytestmark = pytest.mark.skipif(
    not IS_CPYTHON or FREE_THREADED, reason="coroutines are read one by one there"
)


class Manager:
    def __init__(self, name=""):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


class Inheriting(Manager):
    pass


class Slow(Manager):
    async def __aexit__(self, *exc):
        await suspend()


class SlowInAnotherWay(Manager):
    @types.coroutine
    def __aexit__(self, *exc):
        yield


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class SlowAndWrapped(Manager):
    @wrapped
    async def __aexit__(self, *exc):
        await suspend()


class SlowWithoutSelf(Manager):
    async def __aexit__(self, *exc):
        self = None
        await suspend()


class SlowByAnother(Manager):
    other = Slow()

    def __aexit__(self, *exc):
        return self.other.__aexit__(*exc)


class Callable(Manager):
    def __call__(self):
        return None


class WithStaticExit(Manager):
    @staticmethod
    def __exit__(*exc):
        return None


class Exit:
    """An exit method that isn't a function, and has an exit method itself."""

    def __call__(self, *exc):
        return None

    def __exit__(self, *exc):
        return None


class WithOddExit(Manager):
    __exit__ = Exit()


class WithOddExitOfOddExit(Manager):
    __exit__ = Exit.__dict__["__exit__"]


class AwaitedError(Exception):
    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return None


@types.coroutine
def suspend():
    yield


async def plain():
    await suspend()


async def two(inner):
    with Manager("first"), Manager("second") as second:
        await inner()
        del second


async def nothing_bound(inner):
    with Manager():
        await inner()


async def inherited(inner):
    async with Inheriting() as one, Inheriting():
        await inner()
        del one


async def named_by_a_variable(inner):
    manager = Manager()
    with manager:
        other = manager
        await inner()
        del other


async def named_by_an_argument(inner, manager=Manager()):  # noqa: B008
    unbound: object
    with manager, Manager():
        await inner()
    unbound = 1
    del unbound


async def beside_cells(inner):
    """Its manager isn't what the variables in cells hold."""
    full = object()

    def uses():
        return inner, full, empty

    with Manager():
        await inner()
    empty = None
    uses()


async def in_a_cell(inner):
    manager = Manager()

    def function():
        return manager

    with manager, Manager():
        await inner()
    function()


async def in_loops(inner):
    for _ in range(2):
        with Manager("outer"):
            for _ in [1, 2]:
                with Manager("inner"):
                    await inner()


async def in_a_loop(inner):
    for _ in range(2):
        with Manager("outer"):
            await inner()


async def in_an_expression(inner):
    with Manager():
        print("x", [1, await inner()])


async def in_except(inner):
    try:
        raise KeyError
    except KeyError:
        with Manager():
            await inner()


async def around_except(inner):
    with Manager():
        try:
            raise KeyError
        except KeyError:
            await inner()


async def in_finally(inner):
    try:
        with Manager():
            pass
    finally:
        with Manager():
            await inner()


async def awaits_its_error(inner):
    try:
        raise AwaitedError
    except AwaitedError as error:
        with Manager():
            await error


async def leaves(inner):
    with Manager():
        async with Slow():
            pass


async def leaves_by_an_error(inner):
    with Manager(), contextlib.suppress(KeyError):
        async with Slow():
            raise KeyError


async def leaves_what_has_a_name(inner):
    async with Slow() as known:
        pass
    del known


async def leaves_what_a_variable_holds(inner):
    held = Slow()
    async with held:
        pass


async def leaves_what_is_in_a_cell(inner):
    held = Slow()
    async with held:
        pass
    return lambda: held


async def leaves_others_around(inner):
    with Manager("a") as a, Manager("b"):
        for _ in range(2):
            async with Slow("c") as c:
                pass
            async with Slow("d"):
                await inner()
    del a, c


async def leaves_by_another_awaitable(inner):
    async with SlowInAnotherWay() as known:
        pass
    del known


async def leaves_by_a_wrapped_method(inner):
    async with SlowAndWrapped() as known:
        pass
    del known


async def leaves_by_a_method_without_self(inner):
    async with SlowWithoutSelf() as known:
        pass
    del known


async def leaves_by_a_function_of_another(inner):
    async with SlowByAnother() as known:
        pass
    del known


async def callables(inner):
    with Callable(), Callable() as known:
        await inner()
        del known


async def static_exits(inner):
    with Manager("a"), WithStaticExit("b"), Manager("c"):
        await inner()


async def odd_exits(inner):
    with WithOddExitOfOddExit("a"), WithOddExit("b"):
        await inner()


async def odd_exits_above_others(inner):
    with Manager("a"), WithOddExit("b"):
        await inner()


async def built_in(inner):
    lock = threading.Lock()
    with lock, threading.RLock(), contextlib.ExitStack():
        await inner()


async def many(inner):
    with Manager("1") as a, Manager("2"), Manager("3") as b:
        async with Manager("4"), Manager("5") as c:
            with contextlib.closing(contextlib.ExitStack()):
                await inner()
                del a, b, c


CASES = [
    two,
    nothing_bound,
    inherited,
    named_by_a_variable,
    named_by_an_argument,
    beside_cells,
    in_a_cell,
    in_loops,
    in_a_loop,
    in_an_expression,
    in_except,
    around_except,
    in_finally,
    awaits_its_error,
    leaves,
    leaves_by_an_error,
    leaves_what_has_a_name,
    leaves_what_a_variable_holds,
    leaves_what_is_in_a_cell,
    leaves_others_around,
    leaves_by_another_awaitable,
    leaves_by_a_wrapped_method,
    leaves_by_a_method_without_self,
    leaves_by_a_function_of_another,
    callables,
    static_exits,
    odd_exits,
    odd_exits_above_others,
    built_in,
    many,
]


def contents(stack):
    """All that there is to know of a stack, with objects by their identities."""
    assert stack.error is None
    for frame in stack.frames:
        assert type(frame.contexts) is list
    return id(stack.leaf), [
        (
            frame.pyframe,
            frame.lineno,
            id(frame.origin),
            frame.hide,
            [
                (
                    id(one.obj),
                    one.is_async,
                    one.is_exiting,
                    one.varname,
                    one.start_line,
                    one.description,
                    len(one.children),
                )
                for one in frame.contexts
            ],
        )
        for frame in stack.frames
    ]


def one_by_one(monkeypatch, item, **options):
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "_usual_unwrappers", {})
        patch.setattr(extraction, "current_lookups", Lookups)
        patch.setattr(chains, "analyze", None)  # nothing is read at once
        return contents(stackscope.extract(item, **options))


@pytest.mark.parametrize("outer", CASES, ids=lambda case: case.__name__)
def test_it_looks_as_frame_by_frame(monkeypatch, outer):
    for inner in [plain, *CASES]:
        look_frame_by_frame(monkeypatch, outer, inner)


def look_frame_by_frame(monkeypatch, outer, inner):
    innermost = inner if inner is plain else functools.partial(inner, plain)
    coroutine = two(functools.partial(outer, innermost))
    coroutine.send(None)
    while True:
        for options in ({}, {"with_contexts": False}):
            wanted = one_by_one(monkeypatch, coroutine, **options)
            assert contents(stackscope.extract(coroutine, **options)) == wanted
        if not coroutine.cr_await or "awaits_its_error" in (outer.__name__, inner.__name__):
            break
        try:
            coroutine.send(None)
        except StopIteration:
            break
    coroutine.close()


@pytest.mark.parametrize(
    "case",
    [two, nothing_bound, inherited, in_a_loop, many, beside_cells]
    + [leaves_what_has_a_name, leaves_by_a_wrapped_method]
    # On 3.8 there are two ways to get there, with different stacks.
    + [leaves] * (sys.version_info >= (3, 9)),
)
def test_the_usual_is_read_at_once(case):
    """Else the comparison would compare nothing."""
    coroutine = case(plain)
    coroutine.send(None)
    frames, rest = chains.read_chain(coroutine, True)
    assert [type(frame.contexts) for frame in frames] == [list, list]
    assert type(rest) is types.GeneratorType
    coroutine.close()


def test_a_coroutine_that_has_not_begun_or_has_ended():
    coroutine = plain()
    [frame] = stackscope.extract(coroutine).frames
    assert frame.contexts == []
    coroutine.close()
    assert stackscope.extract(coroutine).frames == []


def test_a_running_one():
    async def looks():
        with Manager() as known:
            stack = stackscope.extract(coroutine)
            assert [frame.funcname for frame in stack.frames] == ["two", "looks"]
            found = [context.obj for context in stack.frames[-1].contexts]
            assert len(found) == 1
            assert found[0] is known

    coroutine = two(looks)
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_hooks_replace_and_prune():
    async def outer():
        await middle()

    async def middle():
        with Manager():
            await two(plain)

    def names(coroutine):
        return [frame.funcname for frame in stackscope.extract(coroutine).frames]

    coroutine = outer()
    coroutine.send(None)
    assert names(coroutine) == ["outer", "middle", "two", "plain", "suspend"]
    other = nothing_bound(plain)
    other.send(None)
    results = {
        "prune": ((), ["outer", "middle"]),
        "replace": (other, ["outer", "middle", "nothing_bound", "plain", "suspend"]),
        "nothing": (None, ["outer", "middle", "two", "plain", "suspend"]),
    }
    for result, wanted in results.values():
        stackscope.customize(middle, elaborate=lambda frame, inner, given=result: given)
        assert names(coroutine) == wanted
    stackscope.customize(
        middle, elaborate=lambda frame, inner: [other, inner] if inner.funcname == "two" else None
    )
    assert names(coroutine) == [
        *["outer", "middle", "nothing_bound", "plain", "suspend", "two", "plain", "suspend"]
    ]
    coroutine.close()
    other.close()


def test_another_way_to_unwrap_coroutines_is_respected():
    usual = unwrap_stackitem.registry[types.CoroutineType]
    coroutine = two(plain)
    coroutine.send(None)
    unwrap_stackitem.register(types.CoroutineType, lambda coroutine: [coroutine.cr_frame])
    try:
        assert [frame.funcname for frame in stackscope.extract(coroutine).frames] == ["two"]
    finally:
        unwrap_stackitem.register(types.CoroutineType, usual)
    assert len(stackscope.extract(coroutine).frames) == 3
    coroutine.close()


def test_while_another_thread_resumes_them():
    """What is found in each frame is what was open in it at one time."""

    async def level(depth):
        while True:
            with Manager(depth) as first:
                with Manager((depth, first)):
                    await (level_once(depth - 1) if depth else plain())
            await plain()

    async def level_once(depth):
        with Manager(depth) as first, Manager((depth, first)):
            await (level_once(depth - 1) if depth else plain())

    coroutine = level(5)
    end = threading.Event()

    def resume():
        while not end.is_set():
            coroutine.send(None)

    thread = threading.Thread(target=resume)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    found = 0
    thread.start()
    try:
        for _ in range(3_000 if ALL_ROWS else 1_000):
            for frame in stackscope.extract(coroutine).frames:
                contexts = frame.contexts
                if len(contexts) == 2 and frame.funcname.startswith("level"):
                    first, second = (context.obj for context in contexts)
                    if first is None or second is None:
                        continue  # it is just being left
                    assert second.name == (first.name, first)
                    assert frame.pyframe.f_code.co_name == frame.funcname
                    found += 1
    finally:
        end.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert found


def test_nothing_is_kept():
    async def main():
        event = asyncio.Event()
        task = asyncio.ensure_future(two(event.wait))
        await asyncio.sleep(0)
        for _ in range(3):
            stackscope.extract(task)
        gc.collect()
        before = [sys.getrefcount(item) for item in (task, task.get_coro(), event)]
        for _ in range(1000):
            stackscope.extract(task)
        assert [sys.getrefcount(item) for item in (task, task.get_coro(), event)] == before
        task.cancel()

    asyncio.run(main())
