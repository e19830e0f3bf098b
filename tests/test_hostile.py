"""Objects that mind being looked at: nothing of theirs runs, and the rest of the frame is exact."""

from __future__ import annotations

import contextlib
import sys
import types

import pytest

import stackscope
from stackscope.lowlevel import contexts_active_in_frame

CPYTHON = sys.implementation.name == "cpython"


class Touched(BaseException):
    """Raised by whatever must not run; no handler of `Exception` hides it."""


class Plain:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


def refuse(*args, **kwargs):
    raise Touched


class Comparing(Plain):
    __eq__ = __ne__ = __lt__ = __gt__ = __hash__ = refuse


class Unhashable(Plain):
    __hash__ = None
    __eq__ = refuse


class Truth(Plain):
    __bool__ = __len__ = refuse


class Attributes(Plain):
    __getattribute__ = refuse


class MissingAttributes(Plain):
    __getattr__ = refuse


class FalseClass(Plain):
    __class__ = property(refuse)


class LyingClass(Plain):
    __class__ = dict


class FalseDict(Plain):
    __dict__ = property(refuse)


class Iterating(Plain):
    __iter__ = __next__ = __contains__ = __getitem__ = __call__ = __index__ = refuse


class Describing(Plain):
    __repr__ = __str__ = __format__ = refuse


class Exiting(Plain):
    def __repr__(self):
        raise SystemExit


class NoText(Plain):
    def __repr__(self):
        return 5


class StrangeText(Plain):
    class Text(str):
        __len__ = __getitem__ = __iter__ = __str__ = __contains__ = __format__ = refuse

    def __repr__(self):
        return self.Text("strange")


class HugeText(Plain):
    def __repr__(self):
        return "x" * 10_000_000


class Endless(Plain):
    def __repr__(self):
        return repr(self)


class Escapes(Plain):
    def __repr__(self):
        return "\x1b[2J\x1b]0;title\x07\r\n\u202e\ud800\x00"


class Weak(Plain):
    """Can't be weakly referenced."""

    __slots__ = ("x",)


class Metaclass(type):
    __getattribute__ = refuse
    __eq__ = __hash__ = __bool__ = __instancecheck__ = __subclasscheck__ = __repr__ = refuse
    __iter__ = __contains__ = __call__ = refuse

    def mro(cls):
        return type.mro(cls)


with contextlib.suppress(Touched):

    class OfMetaclass(Plain, metaclass=Metaclass):
        pass


class Mro(type):
    """Classes whose method resolution order says something else than their bases."""

    def mro(cls):
        return [cls, Comparing, Plain, object]


class OfMro(Comparing, metaclass=Mro):
    pass


class ClassGetattr(type):
    __getattr__ = refuse
    __mro__ = __name__ = __qualname__ = __module__ = __dict__ = property(refuse)


class OfClassGetattr(Plain, metaclass=ClassGetattr):
    pass


class Names(Plain):
    pass


Names.__qualname__ = "\x1b[31m" + "x" * 100_000 + "\n"
Names.__name__ = "\u202eNames\x00"
Names.__module__ = "\ud800"


class NoModule(Plain):
    __module__ = property(refuse)


class Everything(Plain):
    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __repr__ = __str__ = __iter__ = refuse
    __getattribute__ = __getattr__ = __setattr__ = __delattr__ = __call__ = __dir__ = refuse
    __class__ = __dict__ = property(refuse)


def _of(kind):
    return lambda: type.__call__(kind)


HOSTILE = {
    kind.__name__: _of(kind)
    for kind in (
        Comparing, Unhashable, Truth, Attributes, MissingAttributes, FalseClass, LyingClass,
        FalseDict, Iterating, Describing, Exiting, NoText, StrangeText, HugeText, Endless, Escapes,
        Weak, OfMro, NoModule, Everything,
    )
}  # fmt: skip
HOSTILE["Names"] = _of(Names)
HOSTILE["OfMetaclass"] = _of(OfMetaclass)
HOSTILE["OfClassGetattr"] = _of(OfClassGetattr)


class StaticExit(Everything):
    @staticmethod
    def __exit__(*exc):
        return None


class ExitObject:
    """A callable as an exit method, and itself hostile."""

    __eq__ = __hash__ = __bool__ = __getattribute__ = __repr__ = refuse

    def __call__(self, *exc):
        return None


class HostileExit(Everything):
    __exit__ = ExitObject()


class HostileDescriptor:
    """Gives something with strange attributes as a bound method."""

    def __get__(self, instance, owner):
        return ExitObject()


class DescribedExit(Everything):
    __exit__ = HostileDescriptor()


class Wrapped(Everything):
    def __exit__(self, *exc):
        return None

    __exit__.__wrapped__ = ExitObject()
    __exit__.__qualname__ = "\x1b[2J"


HOSTILE_EXITS = {
    kind.__name__: _of(kind) for kind in (StaticExit, HostileExit, DescribedExit, Wrapped)
}
ALL = {**HOSTILE, **HOSTILE_EXITS}
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

    made = types.new_class if kind.__class__ is type else None
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
    kind = type(ALL[name]())

    def method(self):
        yield

    generator = method(ALL[name]())
    next(generator)
    stack = stackscope.extract(generator)
    assert type(stack.frames[0].clsname) is str
    text = str(stack)
    assert "method in" in text
    assert "\x1b" not in text
    assert kind


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
