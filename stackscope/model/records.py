"""Dataclasses that cost nothing to import.

``import dataclasses`` pulls in ``inspect``, ``ast`` and ``dis``: 8 to 20 ms, more than all the rest
of this package. So `record` writes ``__init__`` itself, from the annotations, and hands the class
to `dataclasses.dataclass` only when somebody asks for ``__dataclass_fields__``, which is how
``is_dataclass``, ``fields``, ``replace``, ``asdict``, ``pprint`` and a ``@dataclass`` subclass all
recognize a dataclass.
"""

from __future__ import annotations

from stackscope.safe.objects import mro_of, namespace_of

__all__ = [
    "brief_record",
    "changed",
    "late",
    "late_attribute",
    "make_late",
    "new",
    "record",
    "record_repr",
    "taken",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as brief_record
    from dataclasses import dataclass as record
    from dataclasses import field
    from typing import Any, Callable, Optional, Tuple, TypeVar

    T = TypeVar("T")

    def new(factory: Callable[[], T]) -> T:
        """The default of a field: what ``factory`` gives, a new one for each record."""
        return field(default_factory=factory)

    def late() -> Any:
        """The default of a field: ``None``, or what `make_late` has said, once it is asked for."""

else:

    class new:  # noqa: N801
        """The default of a field: what ``factory`` gives, a new one for each record."""

        __slots__ = ("factory", "name")

        def __init__(self, factory):
            self.factory = factory

        def __repr__(self):  # in signatures, as `help` and the reference show them
            factory = self.factory
            return repr(factory()) if isinstance(factory, type) else f"{factory.__name__}()"

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            # Only in a sparse record: others have all their fields from the start.
            if instance is None:
                return self
            vars(instance)[self.name] = value = self.factory()
            return value

    class late:  # noqa: N801
        """The default of a field: ``None``, or what `make_late` has said, once it is asked for."""

        __slots__ = ("name",)

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            # A field that has a value is found in the record before this is asked.
            make = None if instance is None else vars(instance).get(_LATE + self.name)
            if make is None:
                return None
            vars(instance)[self.name] = value = make()
            vars(instance).pop(_LATE + self.name, None)
            return value

    class _InitOnDemand:
        """Stands in for ``__init__`` until its first reader comes: compiling it takes 0.15 ms."""

        def __init__(self, owner):
            self.owner = owner

        def __get__(self, instance, owner=None):
            init = self.owner.__init__ = _write_init(self.owner)
            return init.__get__(instance, owner)

    class _FieldsOnDemand:
        """Stands in for ``__dataclass_fields__`` until its first reader comes."""

        def __init__(self, owner):
            self.owner = owner

        def __get__(self, instance, owner=None):
            import dataclasses

            cls = self.owner
            # From a class of its own: threads that come at the same time find ours as it was.
            # Without a docstring it would get one, with its signature, which takes longer.
            kept = ("__module__", "__qualname__", "__doc__")
            namespace = {name: getattr(cls, name) for name in kept}
            namespace["__annotations__"] = dict(cls.__annotations__)
            for name in cls.__match_args__:
                if name in vars(cls):
                    default = vars(cls)[name]
                    if type(default) is new:
                        default = dataclasses.field(default_factory=default.factory)
                    namespace[name] = None if type(default) is late else default
            twin = dataclasses.dataclass(type(cls.__name__, (), namespace))
            cls.__dataclass_params__ = twin.__dataclass_params__
            cls.__dataclass_fields__ = twin.__dataclass_fields__  # in place of this very attribute
            return twin.__dataclass_fields__

    def record(cls):
        """Make a dataclass of ``cls``.

        The fields are its annotations. A class attribute ``_stored_as`` may say of some of them
        which expression is stored, in place of the argument itself. With ``_is_sparse``, a record
        stores nothing of what is as by default, and makes `new` values when they are asked for.
        """
        cls.__match_args__ = tuple(cls.__annotations__)
        cls.__init__ = _InitOnDemand(cls)
        cls.__eq__ = _equals
        cls.__hash__ = None
        cls.__repr__ = record_repr
        cls.__replace__ = _replaced
        cls.__dataclass_fields__ = _FieldsOnDemand(cls)
        return cls

    def brief_record(cls):
        """A `record` that keeps its own ``__repr__``, for that of a whole tree would be huge."""
        brief = cls.__repr__
        cls = record(cls)
        cls.__repr__ = brief
        return cls

    def _write_sparse_init(cls):
        defaults = {f"no_{name}": vars(cls)[name] for name in cls.__match_args__}
        lines = [
            f"    if {name} is not no_{name}:\n        self.{name} = {name}\n"
            for name in cls.__match_args__
        ]
        return _compiled_init(cls, "".join(lines), tuple(defaults.values()), defaults)

    def _write_init(cls):
        if "_is_sparse" in vars(cls):
            return _write_sparse_init(cls)
        names = cls.__match_args__
        namespace = vars(cls)
        stored_as = namespace.get("_stored_as", {})
        defaults = []
        factories = {}
        body = []
        for name in names:
            value = stored_as.get(name, name)
            if name in namespace:
                default = namespace[name]
                defaults.append(default)
                if type(default) is late:
                    defaults[-1] = None
                elif type(default) is new:
                    factories[f"new_{name}"] = default
                    value = f"new_{name}.factory() if {name} is new_{name} else {name}"
            body.append(f"    self.{name} = {value}\n")
        return _compiled_init(cls, "".join(body), tuple(defaults), factories)

    def _compiled_init(cls, body, defaults, names):
        source = f"def __init__(self, {', '.join(cls.__match_args__)}):\n{body}"
        space = {"__name__": cls.__module__, **names}
        exec(source, space)  # noqa: S102
        init = space["__init__"]
        init.__defaults__ = defaults
        init.__qualname__ = f"{cls.__qualname__}.__init__"
        init.__annotations__ = {**cls.__annotations__, "return": None}
        return init

    def _equals(self, other):
        if type(other) is not type(self):
            return NotImplemented
        names = self.__match_args__
        return [getattr(self, n) for n in names] == [getattr(other, n) for n in names]

    def _replaced(self, **changes):
        import dataclasses

        return dataclasses.replace(self, **changes)


_LATE = "_late_"
"""With the name of a field: what makes its value, among the attributes of a record."""


def make_late(record: object, name: str, make: Callable[[], Any]) -> None:
    """Have the value of a `late` field made when somebody asks for it first.

    Args:
        record: The record.
        name: The name of the field.
        make: Gives the value.
    """
    vars(record).pop(name, None)
    vars(record)[_LATE + name] = make


def late_attribute(source: object, name: str) -> Tuple[str, Any]:
    """What to set in records that have nothing of a `late` field, to give them that of ``source``.

    Args:
        source: The record that has the field's value, or what makes it.
        name: The name of the field.

    Returns:
        The name of the attribute to set, and its value.
    """
    make = vars(source).get(_LATE + name)
    return (name, getattr(source, name)) if make is None else (_LATE + name, make)


def taken(record: object, name: str) -> Callable[[], Any]:
    """Take the value of a `late` field away. What this returns gives it, and makes it only then."""
    fields = vars(record)
    stored = fields.pop(name, None)
    make: Optional[Callable[[], Any]] = fields.pop(_LATE + name, None)
    if make is None:
        return _nothing if stored is None else lambda: stored
    return make


def _nothing() -> None:
    pass


def changed(old: T, **changes: Any) -> T:
    """A copy of a record with other values of some fields; what is no field is copied as well."""
    copy: T = object.__new__(type(old))
    vars(copy).update(vars(old), **changes)
    return copy


DEEPEST = 30
"""The levels of records inside records that a representation shows.

Catching a RecursionError instead would abort Python 3.8, if it happened again ("Cannot recover from
stack overflow" in Python/ceval.c).
"""


def record_repr(record: Any, levels: int = DEEPEST) -> str:
    """The representation of a record, in the form that dataclasses have.

    What it holds of other people's objects is guarded as in `safe_repr`.
    """
    kind = type(record)
    if not levels:
        return f"{kind.__qualname__}(...)"
    values = [
        f"{name}={_value_repr(getattr(record, name), levels - 1)}" for name in kind.__match_args__
    ]
    return f"{kind.__qualname__}({', '.join(values)})"


def _value_repr(value: Any, levels: int) -> str:
    if _is_record(value):
        return record_repr(value, levels)
    if type(value) is list and value and all(map(_is_record, value)):
        return "[" + ", ".join([record_repr(each, levels) for each in value]) + "]"
    from stackscope.safe.text import safe_repr

    return safe_repr(value)


def _is_record(value: object) -> bool:
    """Whether ``value`` is a record to represent field by field, found without asking it."""
    return any(namespace_of(base).get("__repr__") is record_repr for base in mro_of(type(value)))
