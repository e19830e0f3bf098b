"""What is shown of a value: a tree of short texts, which costs no more than what is shown of it.

Containers of the standard library, data classes, classes of attrs and named tuples are looked into;
anything else is what its own ``repr`` says, called once. On one line a tree is exactly that what
``repr`` gives, as long as nothing is left out.
"""

from __future__ import annotations

import collections
import sys
from itertools import chain, islice
from types import CodeType, FunctionType, MappingProxyType

from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import arguments_of_exception, class_attribute, qualname_of
from stackscope.safe.text import class_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple, Union

    Piece = Tuple[str, str]
    """A kind, ``"source"`` or ``"note"``, and a text."""

    Node = Union["Leaf", "Branch"]
    Item = Tuple[Optional["Node"], str, "Node"]
    """A key, what stands between it and the value, and the value."""

MOST_ITEMS = (100, 50, 20, 10)
"""How many items of a container are looked at: of the outermost one, of those in it, and so on."""

MOST_LEAVES = 2_000
"""How many things are looked at altogether."""

MOST_CHARACTERS = 20_000
"""How much of a text is kept."""

DEEPEST = 30
"""Containers nested deeper than that are not looked into."""


class Leaf:
    """A text.

    Args:
        text: The representation, or its beginning.
        length: How long the whole is; by default what there is of it.
        literal: The string that it represents, or the beginning of that; ``None`` if it is none.
    """

    __slots__ = ("length", "literal", "text")

    def __init__(
        self, text: str, length: int = -1, literal: Union[str, bytes, bytearray, None] = None
    ) -> None:
        self.text: str = text
        self.literal: Union[str, bytes, bytearray, None] = literal
        self.length: int = len(self._whole) if length < 0 else length

    @property
    def _whole(self) -> Union[str, bytes, bytearray]:
        return self.text if self.literal is None else self.literal

    @property
    def is_cut(self) -> bool:
        """Whether there is only the beginning."""
        return self.length > len(self._whole)

    @property
    def unit(self) -> str:
        """What its length is a number of."""
        return "byte" if isinstance(self.literal, (bytes, bytearray)) else "character"

    def beginning(self, most: int) -> Tuple[str, int]:
        """The representation of its beginning, and how much is left out."""
        kept = self._whole[:most]
        text = self.text if self.literal is None else repr(kept)
        return text[:most] if self.literal is None else text, self.length - len(kept)

    def lines(self, most: int, characters: int) -> Tuple[List[str], int]:
        """The representations of its first lines, if it is a string of several; what is left out.

        Args:
            most: The most lines.
            characters: The most characters.
        """
        if self.literal is None:
            return [], 0
        found = self.literal[:characters].splitlines(True)[:most]
        rest = self.length - sum(map(len, found))
        return ([repr(line) for line in found], rest) if len(found) > 1 else ([], 0)


class Branch:
    """What has items.

    Args:
        opening: What stands before the items, such as ``[``.
        closing: What stands behind them.
        items: Those that were looked at.
        rest: How many more there are.
        trailing: What stands behind a single item, which a tuple has a comma for.
    """

    __slots__ = ("closing", "items", "opening", "rest", "trailing")

    def __init__(
        self, opening: str, closing: str, items: List[Item], rest: int, trailing: str = ""
    ) -> None:
        self.opening: str = opening
        self.closing: str = closing
        self.items: List[Item] = items
        self.rest: int = rest
        self.trailing: str = trailing


def tree_of(value: object) -> Node:
    """What is shown of a value.

    Raises:
        BaseException: Whatever the ``repr`` of the value itself raises. That of something in it
            spoils only its own place.
    """
    return _Reader().read(value, 0)


def is_small(value: object) -> bool:
    """Whether all of a value can be shown in no time, by what isn't bounded.

    That is found out without any ``repr``, so one of the program's own may still be long.
    """
    return _Scale().takes(value)


MOST_IN_SMALL = 10_000
"""The most items and characters of a small value."""


class _Scale:
    """Weighs a value, and no more of it than it takes."""

    def __init__(self) -> None:
        self.left = MOST_IN_SMALL
        self.inside: Set[int] = set()

    def takes(self, value: Any) -> bool:
        """Whether there is room for a value and all that is in it."""
        kind = type(value)
        shown = class_attribute(kind, "__repr__")
        self.left -= _size(value, shown)
        container = None if id(shown) in LEAVES else _container(value, kind, shown)
        if self.left < 0 or container is None or id(value) in self.inside:
            return self.left >= 0
        if container.length(value) > self.left or len(self.inside) >= DEEPEST:
            return False
        self.inside.add(id(value))
        try:
            return all(map(self.takes, list(container.values(value))))
        finally:
            self.inside.discard(id(value))


def _size(value: Any, shown: object) -> int:
    if shown is vars(int)["__repr__"]:
        return 1 if int.bit_length(value) <= LARGEST_INT else MOST_IN_SMALL + 1
    for kind in (str, bytes, bytearray):
        if shown is vars(kind)["__repr__"]:
            return int(kind.__len__(value))
    return 1


class _Container:
    """How a kind of containers is read.

    Args:
        opening, closing: The brackets.
        length: Gives the number of elements.
        items: Gives the elements; pairs of key and value if ``is_mapping``.
        is_mapping: Whether it has keys.
    """

    def __init__(
        self,
        opening: str,
        closing: str,
        length: Callable[[Any], int],
        items: Callable[[Any], Iterable[Any]],
        *,
        is_mapping: bool = False,
    ) -> None:
        self.opening = opening
        self.closing = closing
        self.length = length
        self.items = items
        self.is_mapping = is_mapping

    def values(self, value: Any) -> Iterable[Any]:
        """The elements; keys and values in turn."""
        found: List[Any] = list(self.items(value))
        return chain.from_iterable(found) if self.is_mapping else found


class _Reader:
    """Makes a tree."""

    def __init__(self) -> None:
        self.left = MOST_LEAVES
        self.inside: Set[int] = set()

    def read(self, value: Any, depth: int) -> Node:
        """The tree of a value at a depth."""
        self.left -= 1
        kind = type(value)
        shown = class_attribute(kind, "__repr__")
        leaf = LEAVES.get(id(shown))
        if leaf is not None:
            return leaf(value)
        container = _container(value, kind, shown)
        if container is None:
            return _by_repr(value, may_fail=depth > 0)
        if id(value) in self.inside:
            return Leaf(f"{container.opening}...{container.closing}")
        self.inside.add(id(value))
        try:
            return self._branch(value, container, depth)
        finally:
            self.inside.discard(id(value))

    def _branch(self, value: Any, container: _Container, depth: int) -> Branch:
        most = min(MOST_ITEMS[min(depth, len(MOST_ITEMS) - 1)], max(self.left, 0))
        if depth >= DEEPEST:
            most = 0
        # At once, since another thread may change the container between two elements.
        found = list(islice(container.items(value), most))
        items: List[Item] = []
        for one in found:
            if items and self.left <= 0:
                break
            items.append(self._item(one, container, depth + 1))
        is_tuple = container.opening == "(" and container.closing == ")"
        rest = max(container.length(value) - len(items), 0)
        return Branch(container.opening, container.closing, items, rest, "," if is_tuple else "")

    def _item(self, found: Any, container: _Container, depth: int) -> Item:
        if not container.is_mapping:
            return None, "", self.read(found, depth)
        key, value = found
        if type(key) is _Field:
            return Leaf(key.name), "=", self.read(value, depth)
        return self.read(key, depth), ": ", self.read(value, depth)


class _Field:
    """The name of an attribute, which is no string in quotes."""

    def __init__(self, name: str) -> None:
        self.name = name


# ---------------------------------------------------------------------------------- leaves


def _by_repr(value: object, *, may_fail: bool) -> Leaf:
    try:
        text = str.__str__(repr(value))
    except BaseException as exc:
        if interrupts(exc) or not may_fail:
            raise
        text = f"<{class_name(value)} object at {id(value):#x} (repr raised {class_name(exc)})>"
    return Leaf(text[:MOST_CHARACTERS], len(text))


def _of_str(value: Any) -> Leaf:
    # By the methods of `str` itself, whatever a subclass has.
    beginning = str.__getitem__(value, slice(MOST_CHARACTERS))
    return Leaf(repr(beginning), str.__len__(value), beginning)


def _of_bytes(value: Any) -> Leaf:
    beginning = bytes.__getitem__(value, slice(MOST_CHARACTERS))
    return Leaf(repr(beginning), bytes.__len__(value), beginning)


def _of_bytearray(value: Any) -> Leaf:
    if type(value) is not bytearray:
        return _by_repr(value, may_fail=True)
    beginning = value[:MOST_CHARACTERS]
    return Leaf(repr(beginning), len(value), beginning)


def _of_int(value: Any) -> Leaf:
    if int.bit_length(value) <= LARGEST_INT:
        return Leaf(int.__repr__(value))
    text = f"{int(value):#x}"  # decimal digits take quadratic time, or raise
    return Leaf(text[:MOST_CHARACTERS], len(text))


LARGEST_INT = 14_000
"""The most bits of a number that is shown in decimal digits, of which there are up to 4,214."""

LEAVES: Dict[int, Callable[[Any], Leaf]] = {
    id(vars(str)["__repr__"]): _of_str,
    id(vars(bytes)["__repr__"]): _of_bytes,
    id(vars(bytearray)["__repr__"]): _of_bytearray,
    id(vars(int)["__repr__"]): _of_int,
}
"""What makes a leaf, by the identity of the ``__repr__``. (Comparing or hashing a method of the
program may run its code.)"""


# ------------------------------------------------------------------------------ containers


def _counted(value: Any) -> Iterable[Any]:
    """The items of a counter, the most common ones first unless that would take long."""
    items = dict.items(value)
    if len(items) > MOST_ITEMS[0]:
        return items
    try:
        return sorted(items, key=lambda item: item[1], reverse=True)
    except TypeError:  # that is how its own repr does it, too
        return items


CONTAINERS: Dict[int, _Container] = {
    id(vars(list)["__repr__"]): _Container("[", "]", list.__len__, list.__iter__),
    id(vars(tuple)["__repr__"]): _Container("(", ")", tuple.__len__, tuple.__iter__),
    id(vars(dict)["__repr__"]): _Container("{", "}", dict.__len__, dict.items, is_mapping=True),
    id(vars(type({}.keys()))["__repr__"]): _Container("dict_keys([", "])", len, iter),
    id(vars(type({}.items()))["__repr__"]): _Container("dict_items([", "])", len, iter),
    id(vars(type({}.values()))["__repr__"]): _Container("dict_values([", "])", len, iter),
    id(vars(MappingProxyType)["__repr__"]): _Container(
        "mappingproxy({", "})", len, MappingProxyType.items, is_mapping=True
    ),
}
"""Containers whose brackets are always the same, by the identity of their ``__repr__``."""


def _container(value: Any, kind: type, shown: object) -> Optional[_Container]:
    """How to read a value; ``None`` if it is to be shown by its ``repr``."""
    known = CONTAINERS.get(id(shown))
    if known is not None:
        return known
    for wanted, make in NAMED.items():
        if issubclass(kind, wanted) and shown is vars(wanted)["__repr__"]:
            return make(value, class_name(value))
    if shown is REPR_OF_EXCEPTIONS:
        arguments = arguments_of_exception(value)
        name = class_name(value)
        return _Container(f"{name}(", ")", lambda _: len(arguments), lambda _: arguments)
    if type(shown) is FunctionType:
        return _of_attributes(value, kind, shown)
    return _of_array(value, shown)


def _of_set(value: Any, name: str) -> Optional[_Container]:
    if type(value) is set:
        return _Container("{", "}", set.__len__, set.__iter__) if value else None
    base: Any = set if issubclass(type(value), set) else frozenset
    if not base.__len__(value):
        return None  # without brackets
    return _Container(f"{name}({{", "})", base.__len__, base.__iter__)


def _of_deque(value: Any, name: str) -> _Container:
    end = "])" if value.maxlen is None else f"], maxlen={value.maxlen})"
    return _Container(f"{name}([", end, collections.deque.__len__, collections.deque.__iter__)


def _of_ordered(value: Any, name: str) -> Optional[_Container]:
    items = collections.OrderedDict.items
    if not dict.__len__(value):
        return None
    if sys.version_info >= (3, 12):
        return _Container(f"{name}({{", "})", dict.__len__, items, is_mapping=True)
    return _Container(f"{name}([", "])", dict.__len__, items)


def _of_defaultdict(value: Any, name: str) -> _Container:
    factory = _by_repr(value.default_factory, may_fail=True).text
    return _Container(f"{name}({factory}, {{", "})", dict.__len__, dict.items, is_mapping=True)


def _of_counter(value: Any, name: str) -> Optional[_Container]:
    if not dict.__len__(value):
        return None
    return _Container(f"{name}({{", "})", dict.__len__, _counted, is_mapping=True)


def _of_array(value: Any, shown: object) -> Optional[_Container]:
    module: Any = sys.modules.get("array")
    if module is None or shown is not vars(module.array)["__repr__"]:
        return None
    code = value.typecode
    if code in "uw" or not len(value):  # it is shown as a string, or not at all
        return None
    return _Container(f"array({code!r}, [", "])", len, iter)


NAMED: Dict[type, Callable[[Any, str], Optional[_Container]]] = {
    set: _of_set,
    frozenset: _of_set,
    collections.deque: _of_deque,
    collections.OrderedDict: _of_ordered,
    collections.defaultdict: _of_defaultdict,
    collections.Counter: _of_counter,
}
"""Containers whose name stands before the brackets."""


# ------------------------------------------------------------------------------ attributes


def _of_attributes(value: Any, kind: type, shown: Any) -> Optional[_Container]:
    """How to read what has a ``__repr__`` that was made from a list of its attributes."""
    code = getattr(getattr(shown, "__wrapped__", shown), "__code__", None)
    if type(code) is not CodeType:  # PyPy's functions of its own have another type
        return None
    fields = class_attribute(kind, "__dataclass_fields__")
    names: Optional[List[str]] = None
    name = class_name(value)
    if code is REPR_OF_NAMED_TUPLES and issubclass(kind, tuple):
        names = list(class_attribute(kind, "_fields", ()))
    elif fields is not None and code.co_filename == "<string>":
        names, name = _names(fields.values()), qualname_of(kind)
    elif code.co_filename.startswith("<attrs generated"):
        names = _names(class_attribute(kind, "__attrs_attrs__", ()))
        name = qualname_of(kind).rpartition(">.")[2]
    if not names:
        return None
    pairs = [(_Field(one), getattr(value, one)) for one in names if hasattr(value, one)]
    if len(pairs) < len(names):
        return None  # its own repr says what is wrong
    return _Container(f"{name}(", ")", lambda _: len(pairs), lambda _: pairs, is_mapping=True)


def _names(fields: Iterable[Any]) -> Optional[List[str]]:
    """The names of the attributes that are shown; ``None`` if one is shown in a way of its own."""
    found = []
    for field in fields:
        if field.repr is True and getattr(field, "_field_type", None) not in _pseudo_fields():
            found.append(field.name)
        elif field.repr not in (True, False):
            return None
    return found


def _pseudo_fields() -> Tuple[object, ...]:
    """What marks class variables and arguments among the fields of a data class."""
    module: Any = sys.modules.get("dataclasses")
    return (module._FIELD_CLASSVAR, module._FIELD_INITVAR) if module is not None else ()


REPR_OF_NAMED_TUPLES: object = collections.namedtuple("_", "x").__repr__.__code__  # type: ignore[attr-defined]

REPR_OF_EXCEPTIONS: object = vars(BaseException)["__repr__"]
