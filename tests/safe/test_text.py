from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from stackscope import extract, lowlevel
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.safe.text import class_name, safe_line, safe_repr, safe_text, without_reprs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain äß…╠", "plain äß…╠"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnirts", r"\u202egnirts"),
        ("\ud800", r"\ud800"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ('back\\slash \'n "quote"', 'back\\slash \'n "quote"'),
        ("", ""),
    ],
)
def test_safe_text(text, expected):
    assert safe_text(text) == expected


def test_safe_text_of_a_str_with_methods_of_its_own():
    class Odd(str):
        __slots__ = ()

        def isprintable(self):
            raise ValueError

        __iter__ = __str__ = __len__ = isprintable

    result = safe_text(Odd("a\n"))
    assert (type(result), result) == (str, r"a\n")


def test_safe_line_keeps_tabs():
    assert safe_line("a\t=\x1b1") == "a\t=\\x1b1"


@pytest.mark.parametrize(
    "obj",
    [
        None,
        5,
        -(10**50),
        "it's",
        b"bytes",
        [],
        (),
        {},
        set(),
        [1, [2, (3,), {4: "5"}], {6}],
        (1, 2),
        (1,),
        {"a": [1], "b": {}},
        frozenset([1]),
        "x" * 200,
        ["x" * 50] * 3,
        len,
        3.5,
    ],
)
def test_safe_repr_is_repr_for_what_is_harmless(obj):
    assert safe_repr(obj) == repr(obj)


LARGE = {
    "text": lambda: "x" * 10**6,
    "bytes": lambda: b"x" * 10**6,
    "list": lambda: [0] * 10**6,
    "tuple": lambda: tuple(range(10**5)),
    "set": lambda: set(range(10**5)),
    "dict": lambda: {i: str(i) for i in range(10**5)},
    "dict of texts": lambda: {"x" * 10**6: "y" * 10**6},
    "nested lists": lambda: [[["x" * 1000] * 1000] * 1000] * 1000,
    "number": lambda: 1 << 10**7,
}
"""What makes each: all tests would hold them for the whole run, and each fork copy their pages."""


@pytest.mark.parametrize("name", LARGE)
def test_safe_repr_is_bounded(name):
    obj = LARGE[name]()
    for limit in [1, 200, 201, 400, 1000]:
        result = safe_repr(obj, limit)
        assert result.endswith("...")
        assert len(result) == max(limit, 200) + 3


def test_only_what_is_too_long_is_cut():
    for size in range(150, 450):
        for obj in ("x" * size, ["x"] * (size // 5), {"k": "x" * size}, [["x" * size]]):
            whole = repr(obj)
            expected = whole if len(whole) <= 300 else whole[:300] + "..."
            assert safe_repr(obj, 300) == expected


class Raising:
    def __init__(self, exc):
        self.exc = exc

    def __repr__(self):
        raise self.exc


@pytest.mark.parametrize(
    "exc", [ValueError, GeneratorExit, RecursionError, MemoryError, asyncio.CancelledError]
)
def test_repr_that_raises(exc):
    obj = Raising(exc)
    expected = f"<Raising object at {id(obj):#x} (repr raised {exc.__name__})>"
    assert safe_repr(obj) == expected
    assert safe_repr(Raising(exc()))  # an exception that is raised again and again


def test_an_element_that_raises_spoils_only_its_place():
    obj = Raising(ValueError)
    broken = f"<Raising object at {id(obj):#x} (repr raised ValueError)>"
    assert safe_repr([1, obj, {"k": obj}]) == f"[1, {broken}, {{'k': {broken}}}]"


def test_repr_that_is_no_str():
    class Odd:
        def __repr__(self):
            return 3

    assert "(repr raised TypeError)" in safe_repr(Odd())


def test_repr_that_is_a_str_with_methods_of_its_own():
    class OddStr(str):
        __slots__ = ()

        def __len__(self):
            raise ValueError

        isprintable = __iter__ = __getitem__ = __str__ = __len__

    class Odd:
        def __repr__(self):
            return OddStr("<odd\n>")

    assert safe_repr(Odd()) == r"<odd\n>"


def test_repr_that_recurses_for_ever():
    class Deep:
        def __repr__(self):
            return repr(self)

    assert "(repr raised RecursionError)" in safe_repr(Deep())


def test_containers_that_contain_themselves():
    for obj in ([], {}):
        if isinstance(obj, list):
            obj.append(obj)
        else:
            obj[1] = obj
        assert safe_repr(obj) == repr(obj)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert len(safe_repr(deep)) <= 500
    while deep:  # or else taking it down would recurse
        deep = deep[0]


def test_a_class_that_minds_being_looked_at():
    class Meta(type):
        def __getattribute__(cls, name):
            raise ValueError

        def __eq__(cls, other):
            raise ValueError

        def __hash__(cls):
            raise ValueError

    class Minds(metaclass=Meta):
        @property
        def __class__(self):
            raise ValueError

        def __repr__(self):
            raise ValueError

    obj = object.__new__(Minds)
    assert safe_repr(obj) == f"<Minds object at {id(obj):#x} (repr raised ValueError)>"
    assert class_name(obj) == "Minds"
    assert "Minds" in safe_repr([obj])


def test_a_class_and_an_exception_with_odd_names():
    odd = type("A\nB", (), {"__repr__": lambda self: 1 / 0})
    assert "\n" not in safe_repr(odd())
    exc = type("E\x1b", (Exception,), {})
    assert r"(repr raised E\x1b)" in safe_repr(Raising(exc))


def hostile_stack():
    names: dict = {}
    source = "def f\u00e4(self):\n    yield\n"
    exec(compile(source, "/a\n\x1b[31m\u202e.py", "exec"), {"__name__": "m\n\x1bm"}, names)
    generator = names["f\u00e4"](type("C\nD", (), {})())
    next(generator)
    broken = Raising(GeneratorExit)
    child = Context(broken, False, varname="v\n", description="d\nd\x1b")
    context = Context(broken, True, varname="x\x1b[0m\n", description="\u202e\n")
    context.children = [child, Stack(broken, [], leaf=broken), Stack(broken, [])]
    context.inner_stack = Stack(None, [], error=ValueError("e\x1b[31m\u202e"))
    frame = Frame(generator.gi_frame, 1, contexts=[context])
    return generator, Stack(broken, [frame], leaf=[broken], error=NoStr())


class NoStr(Exception):
    def __str__(self):
        raise ValueError

    __repr__ = __str__


@pytest.mark.parametrize("ascii_only", [False, True])
def test_nothing_breaks_the_lines_of_a_tree(ascii_only):
    generator, stack = hostile_stack()
    for part in (stack, stack.frames[0], stack.frames[0].contexts[0]):
        lines = part.format(ascii_only=ascii_only)
        for line in lines:
            assert line.endswith("\n")
            assert line[:-1].isprintable()
            assert not ascii_only or line.isascii()
        assert str(part).encode("utf-8")
    text = str(stack)
    assert r"f\xe4" not in text
    assert "fä in m\\n\\x1bm at /a\\n\\x1b[31m\\u202e.py:1" in text
    assert "(repr raised GeneratorExit)" in text
    assert r"f\xe4 in m" in "".join(stack.format(ascii_only=True))
    for contexts in (False, True):
        for line in "".join(stack.format_flat(show_contexts=contexts)).split("\n"):
            assert line.isprintable()
    generator.close()


def test_locals_are_guarded():
    def function():
        broken = Raising(GeneratorExit)
        yield

    generator = function()
    next(generator)
    summary = Frame(generator.gi_frame).as_stdlib_summary(capture_locals=True)
    assert list(summary.locals) == ["broken"]
    assert "(repr raised GeneratorExit)" in summary.locals["broken"]


def test_an_integer_too_long_for_decimal_digits():
    number = 7**6000
    if hasattr(sys, "get_int_max_str_digits"):
        with pytest.raises(ValueError):
            repr(number)
    assert safe_repr(number).startswith("0x")


class Talkative:
    def __repr__(self):
        Talkative.asked += 1
        return "talkative"

    asked = 0


def test_reprs_can_be_forbidden():
    things = [Talkative(), {"a": (Talkative(), 1.5, None, int)}, [[Talkative()]]]
    deep = []
    for _ in range(60):
        deep = [deep, Talkative()]
    lowlevel.set_reprs_enabled(False)
    try:
        text = safe_repr(things)
        deep_text = safe_repr(deep, 10_000)
    finally:
        lowlevel.set_reprs_enabled(True)
    assert Talkative.asked == 0
    assert text.count("<Talkative object at 0x") == 3
    assert "1.5, None, <class 'int'>" in text
    assert "<list object at 0x" in deep_text
    assert safe_repr(things[0]) == "talkative"


def test_reprs_can_be_forbidden_in_one_thread():
    thing = Talkative()
    texts = []

    def elsewhere():
        thread = threading.Thread(target=lambda: texts.append(safe_repr(thing)))
        thread.start()
        thread.join()
        return safe_repr(thing)

    here = without_reprs(without_reprs, elsewhere)
    assert (texts, safe_repr(thing)) == (["talkative"], "talkative")
    assert here.startswith("<Talkative object at 0x")


def test_errors_are_described_without_their_str():
    class Silent(Exception):
        def __str__(self):
            raise AssertionError

    class Item:
        pass

    import stackscope

    @stackscope.unwrap_stackitem.register(Item)
    def unwrap(item):
        raise Silent

    stack = extract(Item())
    lines = without_reprs(stack.format)
    assert lines[-1].strip() == "Silent"
    assert any("raise Silent" in line for line in lines)
