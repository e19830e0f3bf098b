"""Objects that mind being looked at: nothing of theirs runs, and the rest of the frame is exact."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import subprocess
import sys
import types
from contextlib import contextmanager

import pytest

import stackscope
from stackscope.lowlevel import contexts_active_in_frame, set_reprs_enabled
from stackscope.render import nodes
from stackscope.render.drawing import Layout, draw
from stackscope.render.stack import stack_block
from stackscope.render.style import PALETTE, styled
from tests.helpers.hostile import (
    ALL,
    HOSTILE,
    TRICK,
    Plain,
    Touched,
    disguised,
    refuse,
)
from tests.helpers.repository import ROOT

CPYTHON = sys.implementation.name == "cpython"


EVERY = pytest.mark.parametrize("name", ALL)


def _same(found, name, expected):
    """Objects are compared by identity: the hostile one can't be compared otherwise."""
    assert len(found) == 3
    before, odd, after = expected
    assert found[0].obj is before
    assert found[2].obj is after
    if name in HOSTILE:
        assert found[1].obj is odd
    else:
        assert found[1].obj is None or found[1].obj is odd
    assert [context.varname for context in found] == ["a", "b", "c"]
    assert [context.is_exiting for context in found] == [False] * 3


@EVERY
def test_running(name):
    before, odd, after = Plain(), ALL[name](), Plain()
    with before as a, odd as b, after as c:
        found = contexts_active_in_frame(sys._getframe())
    _same(found, name, (before, odd, after))


@EVERY
def test_suspended(name):
    def program():
        with before as a, odd as b, after as c:
            yield

    before, odd, after = Plain(), ALL[name](), Plain()
    generator = program()
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    _same(found, name, (before, odd, after))


@EVERY
def test_without_names(name):
    """Looking for a variable that holds the manager compares by identity."""

    def program(odd):
        decoys = [ALL[name]() for _ in range(3)]
        one, two, three = decoys
        with odd:
            yield

    odd = ALL[name]()
    generator = program(odd)
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    [context] = found
    if name in HOSTILE:
        assert context.obj is odd
        assert context.varname == "odd"


@pytest.mark.parametrize("name", HOSTILE)
def test_exiting(name):
    found = []
    kind = type(HOSTILE[name]())

    def leave(self, *exc):
        frame = sys._getframe()
        found.append(contexts_active_in_frame(frame.f_back, None, frame))

    if type(kind) is not type:
        pytest.skip("can't be derived from without running its metaclass")
    derived = types.new_class("Derived", (kind,), {}, lambda ns: ns.update(__exit__=leave))
    before, odd = Plain(), type.__call__(derived)
    with before as a, odd as b:
        pass
    [[first, second]] = found
    assert first.obj is before
    assert second.obj is odd
    assert second.is_exiting
    assert second.varname == "b"


@EVERY
def test_extracted_and_drawn(name):
    """The whole way: extraction touches nothing, drawing survives what a repr does."""

    def program():
        with before as a, odd as b, after as c:
            yield

    before, odd, after = Plain(), ALL[name](), Plain()
    generator = program()
    next(generator)
    stack = stackscope.extract(generator)
    assert stack.error is None
    _same(stack.frames[0].contexts, name, (before, odd, after))
    lines = stack.format()
    drawing = "".join(lines)
    assert all(line.endswith("\n") for line in lines)
    assert "a: Plain (line" in drawing
    assert len(drawing) < 20_000
    "".join(stack.format(ascii_only=True)).encode("ascii", "backslashreplace")
    for drawing in renderings(stack):
        assert "c: Plain" in drawing
        assert_harmless(drawing)


def renderings(stack):
    """The stack drawn in every way that there is."""
    lines = draw(stack_block(nodes.StackNode(stack, nodes.View()), Layout()), Layout())
    yield "\n".join([styled(line, dict.fromkeys(PALETTE, "")) for line in lines])
    yield "".join(stack.format(ascii_only=True, show_hidden_frames=True))
    yield "".join(stack.format_flat(show_contexts=True))
    summary = stack.as_stdlib_summary(show_contexts=True, capture_locals=True)
    yield ascii("".join(summary.format()))
    for frame in stack.frames:
        yield "".join(frame.format())
    yield "".join(
        [line for frame in stack for context in frame.contexts for line in context.format()]
    )


FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def assert_harmless(drawing):
    """Nothing that could repaint a terminal is in it."""
    found = FORBIDDEN.search(drawing)
    assert found is None, ascii(drawing[max(found.start() - 200, 0) : found.end()])


def test_all_at_once_in_the_overview():
    """`extract_all` finds them in a task, and draws them."""

    async def program():
        with contextlib.ExitStack() as held:
            for odd in odds:
                stack = contextlib.ExitStack()
                with contextlib.suppress(Touched):  # contextlib asks the class for attributes
                    stack.push(odd)
                stack.callback(id, odd)
                held.push(stack)
            await asyncio.sleep(60)

    async def main():
        task = asyncio.ensure_future(program())
        task.set_name(TRICK)
        await asyncio.sleep(0)
        snapshot = stackscope.extract_all(with_contexts=True)
        task.cancel()
        return "".join(snapshot.format())

    odds = [make() for make in ALL.values()]
    drawing = asyncio.run(main())
    assert_harmless(drawing)
    assert ascii(TRICK)[1:-1] in drawing
    for name in ("Everything", "HostileExit", "Describing"):
        assert f"<{name} object at" in drawing


@EVERY
def test_without_any_repr(name):
    """With `set_reprs_enabled` nothing of an object runs in drawing, either."""

    class Telling(Plain):
        def __repr__(self):
            told.append(self)
            return "told"

    def program():
        telling = Telling()
        with before as a, odd as b, telling as c:
            yield [telling, odd]

    class Failure(Exception):
        __str__ = __repr__ = refuse

    told = []
    before, odd = Plain(), ALL[name]()
    generator = program()
    next(generator)
    stack = stackscope.extract(generator)
    stack.leaf = [Telling(), {"key": (Telling(), 1, "text")}, odd]
    stack.error = Failure(Telling(), "why")
    set_reprs_enabled(False)
    try:
        drawings = [*renderings(stack), repr(stack)]
    finally:
        set_reprs_enabled(True)
    assert not told
    assert "{'key': (<Telling object at 0x" in drawings[0]
    assert re.search(r"Failure: <Telling object at 0x\w+>, 'why'", drawings[0])
    assert "repr raised" not in "".join(drawings)
    str(stack)
    assert told


def test_what_exit_stacks_hold():
    """It is described when somebody asks, bounded, unless reprs are forbidden then."""

    class Telling(Plain):
        def __call__(self):
            pass

        def __repr__(self):
            told.append(self)
            return "told " * 10_000

    def children():
        context = stackscope.Context(stack, False, varname="stack")
        stackscope.fill_context(context)
        return context.children

    told = []
    telling = Telling()
    with contextlib.ExitStack() as stack:
        stack.callback(telling)
        stack.callback(telling.__call__, telling, [telling], key=telling)
        stack.push(telling.__call__)
        stack.enter_context(telling)
        found, silent = children(), children()
        assert not told
        assert [len(child.description) < 450 for child in found] == [True, False, True, True]
        assert len(found[1].description) < 4 * 450
        assert len(told) == 7
        told.clear()
        set_reprs_enabled(False)
        try:
            descriptions = [child.description for child in silent]
        finally:
            set_reprs_enabled(True)
        stack.pop_all()
    assert not told
    shown = f"<Telling object at {id(telling):#x}>"
    assert descriptions == [
        f"stack.callback({shown})",
        f"stack.callback({shown}.__call__, {shown}, [{shown}], key={shown})",
        f"stack.push({shown}.__call__)",
        f"stack.enter_context({shown})",
    ]


@pytest.mark.parametrize("kind", [ValueError, GeneratorExit, Touched, None])
def test_source_that_cant_be_loaded(kind):
    """Loaders and the cache of source lines may raise, or give what is no text."""

    class Loader:
        def get_source(self, name):
            if kind is not None:
                raise kind
            return Odd("x = 1")

    class Odd(str):  # noqa: SLOT000
        __len__ = __getitem__ = __iter__ = __str__ = strip = refuse

        def splitlines(self, keepends=False):
            return [Odd("one")] * 9

    namespace = {"cm": Plain(), "__name__": "odd", "__loader__": Loader()}
    code = "def f():\n  with cm as a:\n    yield\ng = f()\nnext(g)\n"
    exec(compile(code, f"/nowhere/{kind}.py", "exec"), namespace)
    stack = stackscope.extract(namespace["g"])
    assert stack.error is None
    for drawing in renderings(stack):
        assert "a: Plain" in drawing


def test_hostile_names_in_every_drawing():
    def suspended():
        with before as a:
            yield

    before = Plain()
    generator = disguised(suspended)()
    next(generator)
    stack = stackscope.extract(generator)
    stack.leaf = {TRICK: [TRICK]}
    stack.error = ValueError(TRICK)
    stack.frames[0].contexts[0].description = TRICK
    stack.frames[0].contexts[0].varname = TRICK
    for drawing in renderings(stack):
        assert_harmless(drawing)
    assert ascii(TRICK)[1:-1] in str(stack)


def test_nearly_no_recursion_left():
    """At every depth up to the limit: a stack, or a RecursionError that comes out or is reported.

    In a process of its own, for 3.8 can abort ("Cannot recover from stack overflow").
    """
    script = "from tests.test_hostile import dive_to_the_limit; dive_to_the_limit()"
    command = [sys.executable, "-X", "faulthandler", "-c", script]
    output = subprocess.check_output(command, cwd=ROOT, universal_newlines=True)
    complete, failed = map(int, output.split())
    assert complete > 10
    assert failed > (5 if CPYTHON else 2)


def is_possible(dive, depth):
    try:
        return dive(depth)[0].error is None
    except RecursionError:
        return False


def dive_to_the_limit():
    """Extract and draw at growing depths, and print how often that worked out and how often not."""

    def dive(depth):
        with Plain() as a:
            if depth:
                return dive(depth - 1)
            stack = stackscope.extract_since(outer)
            return stack, str(stack), a

    complete = failed = 0
    outer = sys._getframe()
    sys.setrecursionlimit(250)
    limit = 250
    while is_possible(dive, limit):  # PyPy counts bytes of the C stack
        limit += 50
    for depth in (*range(0, limit - 70, 30), *range(limit - 60, limit + 30)):
        try:
            stack, drawing, innermost = dive(depth)
        except RecursionError:
            failed += 1
            continue
        if stack.error is not None:
            assert isinstance(stack.error, RecursionError), stack.error
            failed += 1
            continue
        *contexts, last = [frame.contexts for frame in stack.frames[1:]]
        assert len(contexts) == depth
        assert all(len(found) == 1 for found in contexts)
        assert last[0].obj is innermost
        assert drawing.count("a: Plain") == depth + 1
        complete += 1
    sys.setrecursionlimit(1000)
    print(complete, failed)


@EVERY
def test_captured_locals(name):
    """Variables are drawn on request only; then their repr runs, and is survived."""

    def program():
        odd = ALL[name]()
        yield

    generator = program()
    next(generator)
    stack = stackscope.extract(generator)
    summary = stack.as_stdlib_summary(capture_locals=True)
    assert "odd" in summary[0].locals


@EVERY
def test_as_self(name):
    """The class in front of a frame's name is found without asking the object."""

    def method(self):
        yield

    generator = method(ALL[name]())
    next(generator)
    stack = stackscope.extract(generator)
    assert type(stack.frames[0].clsname) is str
    text = str(stack)
    assert "method in" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_as_the_item(name):
    """Something that nothing can unwrap is a leaf, whatever it does."""
    item = HOSTILE[name]()
    stack = stackscope.extract(item)
    assert stack.leaf is item
    assert stack.error is None
    assert "╚ " in str(stack)


@pytest.mark.parametrize("name", HOSTILE)
def test_as_the_leaf(name):
    """What a coroutine awaits."""

    class Awaitable:
        def __await__(self):
            return iterator

    class Iterator:
        def __iter__(self):
            return self

        def __next__(self):
            return None

    async def program():
        with odd as a:
            await Awaitable()

    odd, iterator = HOSTILE[name](), Iterator()
    coroutine = program()
    coroutine.send(None)
    stack = stackscope.extract(coroutine)
    assert stack.error is None
    if CPYTHON:
        assert stack.frames[0].contexts[0].obj is odd
    str(stack)
    coroutine.close()


@pytest.mark.parametrize(
    "hide",
    [HOSTILE["Truth"], HOSTILE["Everything"]],
    ids=["bool and len", "everything"],
)
def test_a_hostile_tracebackhide(hide):
    """Whether the variable is true is asked of the object, and that may fail: a shown frame."""

    def program():
        __tracebackhide__ = hide()
        with Plain() as a:
            yield

    generator = program()
    next(generator)
    try:
        stack = stackscope.extract(generator)
    except Touched:
        pytest.fail("a BaseException of the program came out")
    assert len(stack.frames) == 1
    assert len(stack.frames[0].contexts) == 1


@contextmanager
def collecting_all_the_time():
    """Let the garbage collector run as often as it can be had to."""
    if not hasattr(gc, "set_threshold"):  # PyPy: whatever it has to do, it does now and then
        yield
        return
    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


def test_hostile_finalizers():
    """``__del__`` while we look at other things."""
    found = []

    class Final:
        def __init__(self):
            self.itself = self

        def __del__(self):
            frame = sys._getframe().f_back
            if frame is not None:
                found.append(contexts_active_in_frame(frame))

    def program():
        with Plain() as a:
            yield

    generator = program()
    next(generator)
    with collecting_all_the_time():
        for _ in range(200):
            Final()
            [context] = contexts_active_in_frame(generator.gi_frame, generator)
            assert type(context.obj) is Plain
    gc.collect()
    assert found


def test_globals_without_a_name():
    namespace = {"Plain": Plain, "__name__": HOSTILE["Everything"]()}
    exec("def f():\n  with Plain() as a:\n    yield\ng = f()\nnext(g)\n", namespace)
    stack = stackscope.extract(namespace["g"])
    assert len(stack.frames[0].contexts) == 1
    str(stack)


@pytest.mark.skipif(not CPYTHON, reason="PyPy can't compile for a file name with a lone surrogate")
def test_a_strange_filename():
    code = compile("def f(cm):\n  with cm as a:\n    yield\n", "\x1b[2J\n\ud800", "exec")
    namespace = {}
    exec(code, namespace)
    generator = namespace["f"](Plain())
    next(generator)
    text = str(stackscope.extract(generator))
    assert "\x1b" not in text
    assert "\ud800" not in text
    assert "a: Plain" in text
