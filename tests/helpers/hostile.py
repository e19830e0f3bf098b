"""Objects that mind being looked at: whatever of theirs runs raises `Touched`.

They are in a module of their own because pytest looks at what test modules hold.
"""

from __future__ import annotations

import functools
import io
import linecache
import sys

TRICK = "\x1b[2J\x1b]0;title\x07\r\u202e\ud800"
"""What would clear the screen, change the window's title, and turn the line around."""


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
        raise GeneratorExit


class NoText(Plain):
    def __repr__(self):
        return 5


class StrangeText(Plain):
    class Text(str):  # noqa: SLOT000
        __len__ = __getitem__ = __iter__ = __str__ = __contains__ = __format__ = refuse

    def __repr__(self):
        return self.Text("strange")


class HugeText(Plain):
    def __repr__(self):
        return "x" * 1_000_000


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
    def mro(cls):
        return type.mro(cls)


class OfMetaclass(Plain, metaclass=Metaclass):
    pass


# Not before: PyPy asks the metaclass for attributes while it makes a class.
for _name in (
    "getattribute", "eq", "hash", "bool", "instancecheck", "subclasscheck", "repr", "iter",
    "contains", "call",
):  # fmt: skip
    setattr(Metaclass, f"__{_name}__", refuse)


class Mro(type):
    """Classes whose method resolution order says something else than their bases."""

    def mro(cls):
        return [cls, Comparing, Plain, object]


class OfMro(Comparing, metaclass=Mro):
    pass


class ClassGetattr(type):
    __getattr__ = refuse
    __mro__ = __name__ = __module__ = __dict__ = property(refuse)


class OfClassGetattr(Plain, metaclass=ClassGetattr):
    pass


class Names(Plain):
    pass


Names.__qualname__ = "\x1b[31m" + "x" * 100_000 + "\n"
Names.__name__ = "\u202eNames\x07"
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


class ClassExit(Everything):
    @classmethod
    def __exit__(cls, *exc):
        return None


class PartialExit(Everything):
    __exit__ = staticmethod(functools.partial(Plain.__exit__, Plain()))


class SlotWrapperExit(Everything):
    """`object.__init__` takes any arguments, if only ``__new__`` is another one."""

    def __new__(cls, *args):
        return object.__new__(cls)

    __exit__ = object.__init__


class ExitInC(io.BytesIO):
    """Its exit method is that of `io.IOBase`."""

    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __repr__ = __str__ = __iter__ = refuse
    __getattr__ = __call__ = __dir__ = refuse
    __class__ = property(refuse)


HOSTILE["ExitInC"] = _of(ExitInC)
HOSTILE_EXITS = {
    kind.__name__: _of(kind)
    for kind in (
        StaticExit, ClassExit, PartialExit, SlotWrapperExit, HostileExit, DescribedExit, Wrapped,
    )
}  # fmt: skip
ALL = {**HOSTILE, **HOSTILE_EXITS}


def disguised(function):
    """``function`` with a name, a module, a file name and source lines that are tricks."""
    filename = f"/nowhere/{TRICK if CPYTHON else TRICK[:-1]}.py"  # PyPy can't encode the surrogate
    source = [f"# {TRICK}\n"] * 5
    linecache.cache[filename] = (len("".join(source)), None, source, filename)
    code = function.__code__.replace(co_name=f"f{TRICK}", co_filename=filename, co_firstlineno=1)
    namespace = {"__name__": f"m{TRICK}", "__builtins__": __builtins__}
    return type(function)(code, namespace, f"f{TRICK}", function.__defaults__, function.__closure__)
