"""Dataclasses that cost nothing to import.

``import dataclasses`` pulls in ``inspect``, ``ast`` and ``dis``: 8 to 20 ms, more than all the rest of
this package. So the classes of :mod:`stackscope.model` write their ``__init__`` out, and `record` hands
the class to :func:`dataclasses.dataclass` the first time somebody asks for ``__dataclass_fields__``,
which is how ``is_dataclass``, ``fields``, ``replace``, ``asdict``, ``pprint`` and a ``@dataclass``
subclass all recognize a dataclass.
"""

from __future__ import annotations

__all__ = ["record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    class _FieldsOnDemand:
        """Stands in for ``__dataclass_fields__`` until its first reader comes."""

        def __init__(self, owner: type) -> None:
            self.owner = owner

        def __get__(self, instance: object, owner: object = None) -> object:
            import dataclasses

            # Replaces this very attribute. What the class wrote itself (`__init__`, `__eq__` …) is kept.
            dataclasses.dataclass(self.owner)
            return self.owner.__dict__["__dataclass_fields__"]

    def record(cls: type) -> type:
        """Make ``cls``, which writes out its own ``__init__``, a dataclass in all other respects."""
        annotations = cls.__init__.__code__.co_varnames[1 : cls.__init__.__code__.co_argcount]
        cls.__match_args__ = annotations
        cls.__eq__ = _equals
        cls.__hash__ = None
        cls.__repr__ = _describe
        cls.__replace__ = _replaced
        cls.__dataclass_fields__ = _FieldsOnDemand(cls)
        return cls

    def _equals(self, other):
        if type(other) is not type(self):
            return NotImplemented
        names = self.__match_args__
        return [getattr(self, n) for n in names] == [getattr(other, n) for n in names]

    def _replaced(self, **changes):
        import dataclasses

        return dataclasses.replace(self, **changes)

    def _describe(self):
        from stackscope.render.safe import record_repr

        return record_repr(self)
