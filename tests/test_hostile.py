"""Objects that mind being looked at: nothing of theirs runs, and the rest of the frame is exact."""

from __future__ import annotations

import sys
import types

import pytest

import stackscope
from stackscope.lowlevel import contexts_active_in_frame

from .hostile import ALL, HOSTILE, Plain, Touched

CPYTHON = sys.implementation.name == "cpython"


EVERY = pytest.mark.parametrize("name", ALL)


def _known(names):
    """Parameters, one of which hooks can't cope with yet."""
    return [
        pytest.param(
            name,
            marks=pytest.mark.xfail(
                strict=False,
                reason="walk.implementation: functools.singledispatch asks a class for its __mro__",
            ),
        )
        if name == "OfClassGetattr"
        else name
        for name in names
    ]


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
    [context] = contexts_active_in_frame(generator.gi_frame, generator)
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


@pytest.mark.parametrize("name", _known(ALL))
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
    text = "".join(lines)
    assert all(line.endswith("\n") for line in lines)
    assert "a: Plain (line" in text
    assert "c: Plain (line" in text
    for character in "\x1b\x00\u202e\ud800\x07\r":
        assert character not in text
    assert len(text) < 20_000
    "".join(stack.format(ascii_only=True)).encode("ascii", "backslashreplace")
    stack.format_flat(show_contexts=True)
    stack.as_stdlib_summary(show_contexts=True)
    for frame in stack.frames:
        frame.format()
        for context in frame.contexts:
            context.format()


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


@pytest.mark.parametrize("name", _known(HOSTILE))
def test_as_the_item(name):
    """Something that nothing can unwrap is a leaf, whatever it does."""
    item = HOSTILE[name]()
    stack = stackscope.extract(item)
    assert stack.leaf is item
    assert stack.error is None
    assert "╚ " in str(stack)


@pytest.mark.parametrize("name", _known(HOSTILE))
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
    import gc

    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(200):
            Final()
            [context] = contexts_active_in_frame(generator.gi_frame, generator)
            assert type(context.obj) is Plain
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert found or not CPYTHON


def test_globals_without_a_name():
    namespace = {"Plain": Plain, "__name__": HOSTILE["Everything"]()}
    exec("def f():\n  with Plain() as a:\n    yield\ng = f()\nnext(g)\n", namespace)
    stack = stackscope.extract(namespace["g"])
    assert len(stack.frames[0].contexts) == 1
    str(stack)


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
