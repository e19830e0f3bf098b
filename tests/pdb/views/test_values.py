"""What is shown of a value: as `repr` has it on one line, bounded and laid out where it isn't."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import functools
import types
import typing

import pytest

from stackscope.render.stream import width_of
from stackscope_pdb.views.pretty import shown, shown_on_one_line
from stackscope_pdb.views.values import MOST_LEAVES, is_small, tree_of
from tests.helpers.rows import IN_TURN


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class MyStr(str):
    __slots__ = ()


class WithOwnRepr(list):
    def __repr__(self):
        return "own\nin two lines"


class WithOtherLength(list):
    def __len__(self):
        return 1_000_000

    def __iter__(self):
        raise AssertionError("repr() of a list doesn't ask for it")


class Number(enum.IntEnum):
    ONE = 1


class Named(typing.NamedTuple):
    x: int
    y: list


@dataclasses.dataclass
class Data:
    a: int
    b: list
    hidden: int = dataclasses.field(repr=False, default=3)
    of_class: typing.ClassVar[int] = 4

    def __len__(self):
        return 1_000


@dataclasses.dataclass(repr=False)
class DataWithoutRepr:
    a: int


Pair = collections.namedtuple("Pair", "a b")
CIRCLE = [1]
CIRCLE.append(CIRCLE)
LOOP = {}
LOOP["x"] = LOOP
VALUES = [
    *(None, True, 1, -1, 2**100, 1.5, "it's", b"x", bytearray(b"abc"), ..., len, range(3)),
    *([], (), {}, set(), frozenset(), [1], (1,), (1, 2), {1}, frozenset({1}), {1: [2]}, {"a": ()}),
    *(MyList(), MyList([1]), MyDict(a=1), MySet(), MySet([1]), MyStr("x"), Number.ONE),
    *(WithOwnRepr([1]), WithOtherLength([1, 2]), [WithOwnRepr()]),
    *(Pair(1, "b"), Named(1, [2]), Data(1, [2]), [Data(1, [])], CIRCLE, LOOP),
    *(collections.deque(), collections.deque([1], maxlen=3), collections.Counter("abb")),
    *(collections.OrderedDict(), collections.OrderedDict(a=1), collections.Counter()),
    *(collections.defaultdict(list), collections.defaultdict(list, a=[1])),
    *({1: 2}.keys(), {1: 2}.values(), {1: 2}.items(), types.MappingProxyType({1: 2})),
    *(array.array("i"), array.array("i", [1, 2]), types.SimpleNamespace(a=1)),
    *(ValueError(), ValueError("x"), KeyError("x", 1), OSError(2, "there is none")),
]


def text_of(found):
    return "\n".join("".join(text for _, text in line) for line in found.lines)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_on_one_line_it_is_what_repr_gives(value):
    found = shown_on_one_line(value, "…")
    assert text_of(found) == repr(value)
    assert found.is_all
    assert is_small(value)


def test_classes_of_attrs():
    attr = pytest.importorskip("attr")
    kind = attr.make_class("Kind", {"x": attr.ib(), "y": attr.ib(repr=False, default=1)})
    found = shown_on_one_line(kind(list(range(1_000))), "…")
    assert text_of(found).startswith("Kind(x=[0, 1, 2, ")
    assert not found.is_all
    assert text_of(shown_on_one_line(kind([1]), "…")) == repr(kind([1]))


def test_each_repr_is_asked_once():
    calls = []

    class Counts:
        def __repr__(self):
            calls.append(self)
            return "x" * 50

    shown([Counts() for _ in range(100)], 40, 10, "…")
    assert len(calls) == 100


class Fails:
    def __repr__(self):
        raise ValueError("\x1b[31m")


class NoString:
    def __repr__(self):
        return 3


class Paints:
    def __repr__(self):
        return "\x1b[31mred\x1b[2J"


@pytest.mark.parametrize("hostile", [Fails(), NoString()])
def test_what_fails_spoils_only_its_place(hostile):
    text = text_of(shown_on_one_line([1, {"k": hostile}], "…"))
    assert text.startswith(f"[1, {{'k': <{type(hostile).__name__} object at 0x")
    with pytest.raises((ValueError, TypeError)):
        shown(hostile, 80, 20, "…")


def test_an_interruption_reaches_the_user():
    class Interrupted:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shown([Interrupted()], 80, 20, "…")


def test_nothing_repaints_the_terminal():
    assert text_of(shown([Paints()], 80, 20, "…")) == "[red\\x1b[2J]"
    assert text_of(shown([Paints()] * 20, 80, 40, "…")).split("\n")[1] == (
        "    red\\x1b[2J, red\\x1b[2J, red\\x1b[2J, red\\x1b[2J, red\\x1b[2J, red\\x1b[2J,"
    )


def nested(depth, content):
    for _ in range(depth):
        content = [content]
    return content


LARGE = {
    "a list": lambda: list(range(1_000_000)),
    "a long text": lambda: "x" * 3_000_000,
    "a text of many lines": lambda: "line\n" * 100_000,
    "bytes": lambda: b"x" * 3_000_000,
    "a number": lambda: 1 << 10_000_000,
    "a set": lambda: set(range(300_000)),
    "keys": lambda: dict.fromkeys(range(300_000)).keys(),
    "a wide tree": lambda: [[[[0] * 40] * 40] * 40] * 40,
    "long texts": lambda: ["x" * 10_000] * 1_000,
    "wide texts": lambda: ["寛" * 100] * 50,
    "a deep nest": lambda: nested(50_000, "the end"),
    "a deep nest of dictionaries": lambda: nested(20, {"key": nested(20, {"key": [0] * 100})}),
    "data": lambda: Data(1, list(range(300_000))),
    "an exception": lambda: ValueError(list(range(300_000))),
    "a counter": lambda: collections.Counter(range(300_000)),
}
"""What makes each: all tests would hold them for the whole run, and each fork copy their pages."""


@functools.lru_cache(maxsize=1)
def large(name):
    return LARGE[name]()


@IN_TURN
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize(("width", "rows"), [(80, 20), (40, 10), (200, 50)])
def test_it_fits_on_the_screen(name, width, rows):
    value = large(name)
    found = shown(value, width, rows, "…")
    assert not found.is_all
    lines = text_of(found).split("\n")
    assert sum(max(1, -(-width_of(line) // width)) for line in lines) <= rows
    assert "…" in text_of(found)


@IN_TURN
@pytest.mark.parametrize("name", sorted(set(LARGE) - {"wide texts"}))
def test_it_is_not_small(name):
    assert not is_small(large(name))


def test_what_is_shared_counts_each_time():
    value = [1]
    for _ in range(20):
        value = [value, value]
    assert not is_small(value)


@IN_TURN
@pytest.mark.parametrize("name", LARGE)
def test_no_more_is_looked_at_than_is_shown(name):
    def count(node):
        return 1 + sum(count(value) for _, _, value in getattr(node, "items", ()))

    assert count(tree_of(large(name))) <= 2 * MOST_LEAVES


def test_how_much_is_left_out():
    assert "\n    … 4,900 more\n]" in text_of(shown(list(range(5_000)), 80, 20, "…"))
    assert "[... 1 item]" in text_of(shown(nested(40, 1), 80, 10, "..."))
    for value, unit in [("x" * 3_000, "characters"), (b"x" * 3_000, "bytes")]:
        text = text_of(shown(value, 80, 10, "..."))
        assert f" ... {3_000 - text.count('x'):,} more {unit}" in text


def test_layout():
    data = Data(1, ["some text of a list"] * 3)
    value = {
        "first": data,
        "second": "one line\nanother line\n" + "x" * 60,
        "third": list(range(40)),
    }
    assert (
        text_of(shown(value, 60, 50, "…"))
        == """\
{
    'first': Data(
        a=1,
        b=[
            'some text of a list',
            'some text of a list',
            'some text of a list',
        ],
    ),
    'second': (
        'one line\\n'
        'another line\\n'
        '%s'
    ),
    'third': [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
        28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    ],
}"""
        % ("x" * 60)
    )


def test_laid_out_it_is_python_still():
    for value in [list(range(90)), {n: ("x" * n, (n,)) for n in range(30)}, ("a\n" * 9, b"c" * 90)]:
        text = text_of(shown(value, 50, 500, "…"))
        assert "\n" in text
        assert eval(text) == value


def test_another_repr_keeps_its_lines():
    assert text_of(shown(WithOwnRepr(), 80, 20, "…")) == "own\nin two lines"


def test_a_class_that_nobody_may_ask():
    class Meta(type):
        def __getattribute__(cls, name):
            assert not is_made, name
            return super().__getattribute__(name)

    is_made = False
    value = Meta("Kind", (list,), {})([1])
    is_made = True
    assert text_of(shown(value, 80, 20, "…")) == "[1]"
