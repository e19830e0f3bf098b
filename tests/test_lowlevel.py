"""The contract of `stackscope.lowlevel` (code objects are in test_codes.py)."""

from __future__ import annotations

import dis
import inspect
import sys
import threading
import weakref

import pytest

import stackscope
from stackscope import lowlevel
from stackscope.interpreter.frames import choosing
from stackscope.lowlevel import (
    ExitingContext,
    FrameDetails,
    analyze_with_blocks,
    contexts_active_in_frame,
    currently_exiting_context,
    describe_assignment_target,
    exceptions_in_group,
    inspect_frame,
    set_trickery_enabled,
)
from stackscope.model.stacks import Context
from tests.helpers.managers import Manager, pause

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup

CPYTHON = sys.implementation.name == "cpython"
with_collector = pytest.mark.skipif(
    not CPYTHON, reason="PyPy has nothing but what the switch turns off"
)


@pytest.fixture(autouse=True)
def _reader_as_it_was():
    choosing.reader()
    before = choosing._reader, choosing._decided
    yield
    choosing._reader, choosing._decided = before


def test_names():
    assert set(lowlevel.__all__) >= {
        "IdentityDict",
        "analyze_with_blocks",
        "code_dispatch",
        "contexts_active_in_frame",
        "currently_exiting_context",
        "describe_assignment_target",
        "exceptions_in_group",
        "get_code",
        "inspect_frame",
        "set_trickery_enabled",
    }
    for name in lowlevel.__all__:
        assert getattr(lowlevel, name).__doc__


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (contexts_active_in_frame, "(frame, origin=None, next_inner=None)"),
        (set_trickery_enabled, "(enabled)"),
        (analyze_with_blocks, "(code)"),
        (inspect_frame, "(frame)"),
        (currently_exiting_context, "(frame)"),
        (describe_assignment_target, "(instructions, start_index)"),
    ],
)
def test_signatures(function, expected):
    signature = inspect.signature(function)
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    assert str(inspect.Signature(bare)) == expected


# -- contexts_active_in_frame -------------------------------------------------------------------


def test_contexts_of_a_running_frame():
    manager = Manager()
    with manager as named:
        found = contexts_active_in_frame(sys._getframe())
    assert type(found) is list
    assert [(c.obj, c.varname, c.is_exiting) for c in found] == [(named, "named", False)]


def test_contexts_come_before_any_hook():
    class Hooked(Manager):
        pass

    calls = []

    def hook(manager, context):
        calls.append(manager)

    stackscope.elaborate_context.register(Hooked)(hook)

    def program():
        with Hooked():
            yield

    generator = program()
    next(generator)
    [context] = contexts_active_in_frame(generator.gi_frame, generator)
    assert calls == []
    assert (context.description, context.inner_stack, list(context.children)) == (None, None, [])
    assert len(stackscope.extract(generator).frames[0].contexts) == 1
    assert calls


def test_next_inner_leads_to_an_exiting_manager():
    found = []

    class Looking(Manager):
        def __exit__(self, *exc):
            frame = sys._getframe()
            found.append(contexts_active_in_frame(frame.f_back, next_inner=frame))
            found.append(contexts_active_in_frame(frame.f_back))

    manager = Looking()
    with manager:
        pass
    [[with_inner], without] = found
    assert (with_inner.obj, with_inner.is_exiting) == (manager, True)
    for context in without:
        assert context.is_exiting
        assert context.obj is None or context.obj is manager


def test_the_origin_is_not_needed_where_frames_are_read():
    def program():
        with Manager():
            yield

    if choosing.reader() is None:
        pytest.skip("frames are not read")
    generator = program()
    next(generator)
    frame = generator.gi_frame
    assert contexts_active_in_frame(frame) == contexts_active_in_frame(frame, generator)
    assert len(contexts_active_in_frame(frame)) == 1


# -- set_trickery_enabled -----------------------------------------------------------------------


def test_with_trickery():
    set_trickery_enabled(True)
    manager = Manager()
    line = sys._getframe().f_lineno + 1
    with manager as named:
        [context] = contexts_active_in_frame(sys._getframe())
    assert context == Context(manager, False, False, "named", line)


@with_collector
def test_without_trickery_suspended_frames_only():
    def program():
        with manager as named:
            assert contexts_active_in_frame(sys._getframe()) == []
            yield

    set_trickery_enabled(False)
    manager = Manager()
    generator = program()
    next(generator)
    [context] = contexts_active_in_frame(generator.gi_frame, generator)
    assert context == Context(manager, False, False, None, None)


@with_collector
def test_without_trickery_never_a_name_or_line():
    async def program():
        async with a as one:
            with b, c as two:
                await pause()

    set_trickery_enabled(False)
    a, b, c = Manager(), Manager(), threading.Lock()
    coroutine = program()
    coroutine.send(None)
    found = contexts_active_in_frame(coroutine.cr_frame, coroutine)
    assert [context.obj for context in found] == [a, b, c]
    assert [context.is_async for context in found] == [True, False, False]
    assert {(context.varname, context.start_line) for context in found} == {(None, None)}
    coroutine.close()


def test_the_self_test_decides():
    set_trickery_enabled(None)
    assert choosing.reader() is not None


def test_without_trickery_no_frame_is_inspected():
    set_trickery_enabled(False)
    with pytest.raises(RuntimeError):
        inspect_frame(sys._getframe())


# -- analyze_with_blocks ------------------------------------------------------------------------


async def _sample(a, b, c):
    async with a as x, b:
        with c as (y, z.attribute):  # noqa: F821
            pass
    with c:
        pass


def test_analyze_with_blocks():
    first = _sample.__code__.co_firstlineno
    found = analyze_with_blocks(_sample.__code__)
    assert type(found) is dict
    assert [
        (context.is_async, context.varname, context.start_line) for context in found.values()
    ] == [
        (True, "x", first + 1),
        (True, None, first + 1),
        (False, "(y, z.attribute)", first + 2),
        (False, None, first + 4),
    ]
    for context in found.values():
        assert type(context) is Context
        assert context.obj is None
        assert not context.is_exiting


def test_the_key_is_the_offset_of_the_handler():
    found = analyze_with_blocks(_sample.__code__)
    by_offset = {ins.offset: ins.opname for ins in dis.get_instructions(_sample)}
    names = {by_offset[offset] for offset in found}
    if sys.version_info >= (3, 11):
        assert names == {"PUSH_EXC_INFO"}
    elif sys.version_info >= (3, 9):
        assert names == {"WITH_EXCEPT_START"}
    else:
        assert names == {"WITH_CLEANUP_START"}
    assert len(found) == 4


def test_analyze_other_code():
    assert analyze_with_blocks((lambda: 1).__code__) == {}
    assert analyze_with_blocks(compile("", "", "exec")) == {}
    assert len(analyze_with_blocks(compile("with a: pass", "", "exec"))) == 1


def test_nested_code_is_not_looked_at():
    def program():
        def inner():
            with Manager():
                pass

        return inner

    assert analyze_with_blocks(program.__code__) == {}
    assert len(analyze_with_blocks(program().__code__)) == 1


def test_the_result_is_the_callers_own():
    first = analyze_with_blocks(_sample.__code__)
    for context in first.values():
        context.varname = "changed"
    first.clear()
    assert [c.varname for c in analyze_with_blocks(_sample.__code__).values()][0] == "x"


# -- inspect_frame ------------------------------------------------------------------------------


def _inspect():
    """The details of the caller."""
    return inspect_frame(sys._getframe(1))


def _exits(stack, *managers):
    """The managers on a value stack, whether by their methods or themselves."""
    found = []
    for item in stack:
        item = getattr(item, "__self__", item)
        if any(item is manager for manager in managers):
            found.append(item)
    return found


def _loops_over(items, stack):
    """Whether there is an iterator on a value stack. 3.15 has the list, and an index beside it."""
    return any(item is items or type(item) is type(iter(items)) for item in stack)


def test_inspect_a_running_frame():
    first, second = Manager(), Manager()
    with first:
        try:
            with second:
                details = _inspect()
        finally:
            pass
    assert type(details) is FrameDetails
    assert _exits(details.stack, first, second) == [first, second]
    handlers = set(analyze_with_blocks(sys._getframe().f_code))
    assert len(details.blocks) == 3
    assert [block.handler in handlers for block in details.blocks] == [True, False, True]
    levels = [block.level for block in details.blocks]
    assert levels == sorted(levels)
    assert all(type(block) is FrameDetails.FinallyBlock for block in details.blocks)


def test_the_values_come_without_the_locals():
    def program(a, b):
        with a:
            return [b, _inspect(), 3]

    manager, other = Manager(), ["tracked by the collector"]
    details = program(manager, other)[1]
    assert not any(item is manager for item in details.stack[:1]) or sys.version_info >= (3, 14)
    assert any(item is other for item in details.stack)
    assert not any(item is program for item in details.stack)


def test_inspect_a_suspended_frame():
    def program():
        with manager:
            for _ in iterable:
                yield

    manager, iterable = Manager(), [1, 2]
    generator = program()
    next(generator)
    details = inspect_frame(generator.gi_frame)
    assert _exits(details.stack, manager) == [manager]
    assert _loops_over(iterable, details.stack)
    assert [block.handler for block in details.blocks] == list(
        analyze_with_blocks(program.__code__)
    )


def test_null_is_none():
    """From 3.14 on there is one beside an exit callable that is no method."""

    class Static(Manager):
        @staticmethod
        def __exit__(*exc):
            return None

    manager = Static()
    with manager:
        details = _inspect()
    assert Static.__exit__ in details.stack
    assert (None in details.stack) == (sys.version_info >= (3, 14))


def test_inspect_a_frame_that_has_ended_or_not_begun():
    def program():
        with Manager():
            yield sys._getframe()

    generator = program()
    assert inspect_frame(generator.gi_frame).stack == []
    frame = next(generator)
    list(generator)
    assert inspect_frame(frame) == FrameDetails()


def test_inspect_a_frame_without_with_blocks():
    def program():
        try:
            for _ in one:
                return [other, _inspect()]
        except ValueError:
            pass

    other, one = ["tracked by the collector"], [1]
    details = program()[1]
    assert len(details.blocks) == 1
    assert _loops_over(one, details.stack)
    assert details.stack[-1] is other

    def plain():
        return _inspect()

    assert plain() == FrameDetails([], [])


def test_inspect_a_handler():
    def program():
        try:
            raise ValueError
        finally:
            yield

    generator = program()
    next(generator)
    details = inspect_frame(generator.gi_frame)
    assert any(type(item) is ValueError for item in details.stack)
    with pytest.raises(ValueError):
        next(generator)


def test_blocks_are_those_of_the_line():
    def program():
        with Manager():
            yield
            try:
                yield
            except ValueError:
                yield
            yield

    generator = program()
    counts = []
    for _ in range(2):
        next(generator)
        counts.append(len(inspect_frame(generator.gi_frame).blocks))
    generator.throw(ValueError())
    counts.append(len(inspect_frame(generator.gi_frame).blocks))
    next(generator)
    counts.append(len(inspect_frame(generator.gi_frame).blocks))
    assert counts == [1, 2, 1, 1]


def test_inspect_another_thread():
    def program():
        with manager:
            reached.set()
            go_on.wait(10)

    manager, reached, go_on = Manager(), threading.Event(), threading.Event()
    thread = threading.Thread(target=program)
    thread.start()
    try:
        assert reached.wait(10)
        frame = sys._current_frames()[thread.ident]
        while frame.f_code is not program.__code__:
            frame = frame.f_back
        details = inspect_frame(frame)
    finally:
        go_on.set()
        thread.join()
    assert _exits(details.stack, manager) == [manager]


def test_frame_details_by_hand():
    details = FrameDetails()
    assert (details.blocks, details.stack) == ([], [])
    block = FrameDetails.FinallyBlock(handler=4, level=2)
    assert FrameDetails.FinallyBlock(4, 2) == block
    assert FrameDetails(blocks=[block], stack=[1]) == FrameDetails([block], [1])


# -- currently_exiting_context ------------------------------------------------------------------


class Asking(Manager):
    def __init__(self):
        self.answers = []

    def __exit__(self, *exc):
        self.answers.append(currently_exiting_context(sys._getframe(1)))
        return True

    async def __aexit__(self, *exc):
        self.answers.append(currently_exiting_context(sys._getframe(1)))
        await pause()
        return True


@pytest.mark.parametrize("exception", [False, True])
def test_currently_exiting(exception):
    def program():
        with Manager():
            with asking as target:
                assert currently_exiting_context(sys._getframe()) is None
                if exception:
                    raise ValueError
            assert currently_exiting_context(sys._getframe()) is None

    asking = Asking()
    program()
    [answer] = asking.answers
    assert type(answer) is ExitingContext
    assert answer.is_async is False
    blocks = analyze_with_blocks(program.__code__)
    assert blocks[answer.cleanup_offset].varname == "target"


@pytest.mark.parametrize("exception", [False, True])
def test_currently_exiting_async(exception):
    async def program():
        async with Manager(), asking as target:
            await pause()
            if exception:
                raise ValueError

    asking = Asking()
    coroutine = program()
    coroutine.send(None)
    assert currently_exiting_context(coroutine.cr_frame) is None
    coroutine.send(None)
    suspended = currently_exiting_context(coroutine.cr_frame)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert asking.answers == [suspended]
    assert suspended.is_async is True
    blocks = analyze_with_blocks(program.__code__)
    assert blocks[suspended.cleanup_offset].varname == "target"
    assert blocks[suspended.cleanup_offset].is_async


def test_currently_exiting_elsewhere():
    def program():
        with Manager():
            yield

    generator = program()
    assert currently_exiting_context(generator.gi_frame) is None
    next(generator)
    frame = generator.gi_frame
    assert currently_exiting_context(frame) is None
    generator.close()
    assert currently_exiting_context(sys._getframe()) is None


# -- describe_assignment_target -----------------------------------------------------------------


def _describe(source):
    """The description of what follows `value = `'s value in a piece of code."""
    instructions = list(dis.get_instructions(compile(source, "", "exec")))
    start = next(
        i
        for i, ins in enumerate(instructions)
        if ins.opname == "LOAD_NAME" and ins.argval == "value"
    )
    return describe_assignment_target(instructions, start + 1)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = value", "a"),
        ("a.b = value", "a.b"),
        ("a.b['c'] = value", "a.b['c']"),
        ("a, b = value", "(a, b)"),
        ("[a] = value", "(a,)"),
        ("first, *rest, last = value", "(first, *rest, last)"),
        ("locals()['ns'].bar = value", "locals()['ns'].bar"),
        ("a[f(1)] = value", "a[f(1)]"),
        ("a[x + 1] = value", None),
        ("f(x=1).y = value", None),
        ("value", None),
        ("return_value(value)", None),
    ],
)
def test_describe(source, expected):
    assert _describe(source) == expected


def test_describe_in_a_function():
    def program(value):
        with value as (a, b.c):  # noqa: F821
            return a

    instructions = list(dis.get_instructions(program))
    starts = [i for i, ins in enumerate(instructions) if ins.opname.startswith("UNPACK")]
    assert describe_assignment_target(instructions, starts[0]) == "(a, b.c)"


@pytest.mark.parametrize("start", [0, 5, 10**6])
def test_describe_where_nothing_is_stored(start):
    instructions = list(dis.get_instructions(compile("pass", "", "exec")))
    assert describe_assignment_target(instructions, start) is None
    assert describe_assignment_target([], start) is None


class Exits:
    """A manager whose exit method calls a function."""

    def __init__(self, function=lambda: None):
        self.function = function

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.function()


def raises_in_nested_blocks(probe):
    with Exits():
        pass
    for _ in range(2):
        with Exits() as one, Exits():
            try:
                with Exits(), Exits() as other:
                    assert one and other
                    with Exits():
                        pass
                    probe()
            finally:
                pass


def raises_in_handlers(probe):
    try:
        with Exits():
            raise KeyError
    except KeyError:
        with Exits() as one:
            assert one
            try:
                with Exits():
                    raise OSError
            except OSError:
                with Exits():
                    probe()


def raises_while_leaving(probe):
    with Exits(), Exits(probe), Exits():
        pass


def raises_in_a_finally_block(probe):
    with Exits():
        try:
            with Exits():
                return
        finally:
            with Exits():
                probe()


def raises_before_and_after(probe):
    with Exits():
        pass
    probe()


@pytest.mark.parametrize(
    "function",
    [
        raises_in_nested_blocks,
        raises_in_handlers,
        raises_while_leaving,
        raises_in_a_finally_block,
        raises_before_and_after,
    ],
)
def test_blocks_that_were_open_where_an_exception_came_by(function):
    def seen_by(contexts):
        return [(each.start_line, each.is_async, each.is_exiting) for each in contexts]

    class Probed(Exception):
        pass

    def probe():
        frame = sys._getframe(1)
        while frame.f_code is not function.__code__:
            frame = frame.f_back
        active.extend(seen_by(lowlevel.contexts_active_in_frame(frame)))
        raise Probed

    active = []
    with pytest.raises(Probed) as caught:
        function(probe)
    [entry] = [e for e in caught.traceback if e.frame.raw.f_code is function.__code__]
    found = lowlevel.with_blocks_open_at(function.__code__, entry._rawentry.tb_lasti)
    assert seen_by(found.values()) == active
    assert found.keys() <= lowlevel.analyze_with_blocks(function.__code__).keys()
    assert lowlevel.with_blocks_open_at(function.__code__, -1) == {}


asked = []
"""What was asked of `Curious` and its class."""


class CuriousMeta(type):
    def __getattribute__(cls, name):
        asked.append(name)
        return super().__getattribute__(name)


class Curious(ExceptionGroup, metaclass=CuriousMeta):
    exceptions = None

    def __getattribute__(self, name):
        asked.append(name)
        return super().__getattribute__(name)


class LikeAGroup(Exception):
    exceptions = (ValueError(), KeyError())
    _exceptions = exceptions


def test_the_exceptions_in_a_group():
    members = (ExceptionGroup("inner", [ValueError(1)]), LikeAGroup(), OSError())
    curious = Curious("curious", members)
    assert exceptions_in_group(BaseExceptionGroup("outer", members)) == members
    asked.clear()
    found = exceptions_in_group(curious)
    assert asked == []
    assert found == members
    for other in (LikeAGroup(), ValueError(members), None, members):
        assert exceptions_in_group(other) == ()


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="the attributes of a group are read-only")
def test_a_group_whose_exceptions_somebody_has_replaced():
    group = ExceptionGroup("group", [ValueError(1)])
    other = OSError()
    for stored, found in [((1, other), (other,)), ([other], ()), (None, ())]:
        group._exceptions = stored
        assert exceptions_in_group(group) == found


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="reference counts")
def test_inspect_a_frame_that_drops_what_is_dying():
    """`threading.local` calls callbacks of weak references while the collector still lists it."""
    import gc
    import threading

    class Dying(threading.local):
        pass

    stacks, references = [], []

    def look(_):
        stacks.append(inspect_frame(sys._getframe(1)).stack)

    def make():
        dying = Dying()
        references.append(weakref.ref(dying, look))
        return dying

    def program():
        with Manager():
            return [1, make(), 1 / 0]

    was_enabled = gc.isenabled()
    gc.disable()  # which can't be run there, either
    try:
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                program()
    finally:
        if was_enabled:
            gc.enable()
    assert stacks
    assert not any(type(item) is Dying for stack in stacks for item in stack)
