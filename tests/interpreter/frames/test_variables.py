"""Local variables, read without a trace."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from stackscope.interpreter.frames import first_argument, local_value, local_values
from stackscope.lowlevel import set_trickery_enabled

CPYTHON = sys.implementation.name == "cpython"


def _value(name):
    return local_value(sys._getframe(1), name)


def _all():
    """All variables but those that pytest puts in for its assertions."""
    found = local_values(sys._getframe(1))
    return {name: value for name, value in found.items() if not name.startswith("@")}


def _first():
    return first_argument(sys._getframe(1))


def test_plain_variables():
    def program(a, b=2, *args, c, **kwargs):
        d = [a]
        assert _value("a") == (True, 1)
        assert _value("b") == (True, 2)
        assert _value("c") == (True, 3)
        assert _value("args") == (True, (5,))
        assert _value("kwargs") == (True, {"e": 4})
        assert _value("d") == (True, [1])
        assert _value("nothing") == (False, None)
        assert _value("print") == (False, None)
        assert _value("sys") == (False, None)
        assert _all() == {"a": 1, "b": 2, "c": 3, "args": (5,), "kwargs": {"e": 4}, "d": [1]}

    program(1, 2, 5, c=3, e=4)


def test_the_object_itself_is_given():
    thing = object()
    assert _value("thing")[1] is thing
    assert _all()["thing"] is thing


def test_deleted_and_not_yet_bound():
    def program(a, b):
        del a
        assert _value("a") == (False, None)
        assert _value("later") == (False, None)
        assert _all() == {"b": 2}
        later = 3
        assert _value("later") == (True, 3)

    program(1, 2)


def test_cells():
    def program(a, b):
        c = 3
        assert _value("a") == (True, 1)
        assert _value("c") == (True, 3)
        assert _value("later") == (False, None)
        assert _all()["a"] == 1
        assert "later" not in _all()
        a = 10
        assert _value("a") == (True, 10)

        def inner():
            nonlocal c
            assert _value("a") == (True, 10)
            assert _value("c") == (True, 3)
            assert _value("later") == (False, None)
            c = 4
            assert _all() == {"a": 10, "c": 4}
            return a, later

        def deleting():
            nonlocal b
            del b
            assert _value("b") == (False, None)

        with pytest.raises(NameError):
            inner()
        deleting()
        assert _value("b") == (False, None)
        assert _value("c") == (True, 4)
        later = 1

    program(1, 2)


def test_a_cell_as_a_value():
    """A variable that holds a cell object gives the cell, not what is in it."""

    def program():
        inside = 1

        def inner():
            return inside

        cell = inner.__closure__[0]
        assert _value("cell") == (True, cell)
        assert _all()["cell"] is cell
        assert _value("inside") == (True, 1)

    program()


def test_a_comprehension():
    def program(items):
        outer = 1
        return [(_value("x"), _value("items"), outer) for x in items]

    found = program([7])
    assert found[0][0] == (True, 7)


def test_generators_and_coroutines():
    def program(a):
        b = 2
        yield
        a = 3
        yield

    generator = program(1)
    frame = generator.gi_frame
    assert local_value(frame, "a") == (True, 1)
    assert local_value(frame, "b") == (False, None)
    next(generator)
    assert local_value(frame, "b") == (True, 2)
    assert local_values(frame) == {"a": 1, "b": 2}
    next(generator)
    assert local_value(frame, "a") == (True, 3)


def test_finished_frames():
    def program(a):
        kept = a
        raise ValueError

    try:
        program(1)
    except ValueError as exc:
        frame = exc.__traceback__.tb_next.tb_frame
    assert local_value(frame, "kept") == (True, 1)
    assert local_values(frame) == {"a": 1, "kept": 1}
    frame.clear()
    assert local_value(frame, "kept") == (False, None)
    assert local_values(frame) == {}


def test_a_frame_of_another_thread(in_a_thread):
    def program(wait):
        here = [1]
        wait()

    frame = in_a_thread(program)
    assert local_value(frame, "here") == (True, [1])
    assert set(local_values(frame)) == {"wait", "here"}


def test_module_level():
    namespace = {"value": _value, "all": _all, "first": _first}
    exec("x = 1; found = value('x'), value('y'), 'x' in all(), first()", namespace)
    assert namespace["found"] == ((True, 1), (False, None), True, (False, None))


def test_class_level():
    outside = 5

    class Program:
        x = 1
        found = _value("x"), _value("y"), _first()
        names = set(_all())
        y = outside

        def method(self):
            return super().__repr__()

    assert Program.found == ((True, 1), (False, None), (False, None))
    assert {"x", "found", "__module__", "__qualname__"} <= Program.names


def _logging_namespace(log):
    class Namespace(dict):
        def __getitem__(self, key):
            log.append(f"get {key}")
            return dict.__getitem__(self, key)

        def __delitem__(self, key):
            log.append(f"del {key}")
            dict.__delitem__(self, key)

        def __contains__(self, key):
            log.append(f"contains {key}")
            return dict.__contains__(self, key)

        def keys(self):
            log.append("keys")
            return dict.keys(self)

        def items(self):
            log.append("items")
            return dict.items(self)

        def __iter__(self):
            log.append("iter")
            return dict.__iter__(self)

        def get(self, key, default=None):
            log.append(f"get {key}")
            return dict.get(self, key, default)

        def __len__(self):
            log.append("len")
            return dict.__len__(self)

        def __bool__(self):
            log.append("bool")
            return True

    return Namespace()


def _metaclass_that_logs(log):
    """Its classes' bodies run in a `_logging_namespace`."""

    class Meta(type):
        @classmethod
        def __prepare__(cls, *args):
            return _logging_namespace(log)

        def __new__(cls, name, bases, namespace):
            return type.__new__(cls, name, bases, dict(dict.items(namespace)))

    return Meta


@pytest.mark.parametrize("with_cell", [False, True])
def test_a_metaclass_with_its_own_namespace(with_cell):
    """Its methods don't run; up to 3.12 reading ``f_locals`` would delete ``__class__`` from it."""
    log = []

    Meta = _metaclass_that_logs(log)  # noqa: N806

    def look():
        frame = sys._getframe(1)
        before = len(log)
        found = local_value(frame, "x"), local_value(frame, "no"), local_values(frame)
        return found, log[before:]

    if with_cell:

        class Program(metaclass=Meta):
            x = 1
            found = look()

            def method(self):
                return super().__repr__()

    else:

        class Program(metaclass=Meta):
            x = 1
            found = look()

    (value, missing, values), touched = Program.found
    assert value == (True, 1)
    assert missing == (False, None)
    assert values["x"] == 1
    assert type(values) is dict
    if CPYTHON:  # PyPy deletes unbound names from the namespace when f_locals is read
        assert touched == []


@pytest.mark.skipif(not CPYTHON, reason="PyPy deletes names from it when f_locals is read")
def test_a_namespace_that_is_no_dict():
    class Meta(type):
        @classmethod
        def __prepare__(cls, *args):
            return Mapping()

        def __new__(cls, name, bases, namespace):
            return type.__new__(cls, name, bases, dict(namespace.held))

    class Mapping:
        def __init__(self):
            self.held = {}

        def __getitem__(self, key):
            return self.held[key]

        def __setitem__(self, key, value):
            self.held[key] = value

        def __delitem__(self, key):
            raise AssertionError("nobody asked for that")

    class Program(metaclass=Meta):
        x = 1
        found = _value("x"), _all()

    assert Program.found == ((False, None), {})


INLINED = CPYTHON and sys.version_info >= (3, 12)  # PEP 709

# What is in a comprehension's scope, whether that has a frame of its own or not.
IN_COMPREHENSIONS = """
outer = 1
[list_] = [(value('item'), value('inner'), both()) for item in [2]]
[[nested]] = [[(value('item'), value('inner'), both()) for inner in [3]] for item in [2]]
[cell] = [(value('item'), value('inner'), both(), lambda: item)[:3] for item in [2]]
after = value('item'), value('inner'), both()
"""


def _both():
    """The variable of the comprehension, and the one around it where that has the same frame."""
    values = local_values(sys._getframe(1))
    return {name: values.get(name) for name in ("outer", "item", "inner")}


@pytest.mark.parametrize("level", ["module", "class", "own locals", "subclass"])
def test_comprehensions_at_module_and_class_level(level):
    class Namespace(dict):
        pass

    scope = {"value": _value, "both": _both}
    source = IN_COMPREHENSIONS
    if level == "class":
        source = "class C:" + source.replace("\n", "\n  ") + "\nfound = vars(C)"
        exec(source, scope)
        found = scope["found"]
    elif level == "own locals":
        found = {}
        exec(source, scope, found)
    else:
        found = scope = Namespace(scope) if level == "subclass" else scope
        exec(source, scope)
    outer = 1 if INLINED else None
    assert found["list_"] == ((True, 2), (False, None), {"outer": outer, "item": 2, "inner": None})
    assert found["cell"] == found["list_"]
    value, inner, values = found["nested"]
    assert (inner, values["inner"], values["outer"]) == ((True, 3), 3, outer)
    if INLINED:
        assert (value, values["item"]) == ((True, 2), 2)
    assert found["after"] == (
        (False, None),
        (False, None),
        {"outer": 1, "item": None, "inner": None},
    )


NAMES = """
with manager: names.append((look(), [look() for item in [1]], [[look() for _ in [1]] for _ in [1]]))
class C:
    attribute = manager
    with attribute:
        names.append((look(), [look() for item in [1]], [[look() for _ in "1"] for _ in "1"]))
    with manager: names.append([look() for manager in [manager]])
with manager: names.append([look() for manager in [manager]])
with manager: names.append([look() for item in [manager] if (lambda: item)()])
"""


@pytest.mark.parametrize("separate", [False, True], ids=["module", "own locals"])
def test_names_of_managers_seen_from_a_comprehension(separate):
    from stackscope.lowlevel import contexts_active_in_frame
    from tests.helpers.managers import Manager

    def look():
        frame = sys._getframe(1)
        while frame.f_code.co_name.startswith("<listcomp"):
            frame = frame.f_back
        [context] = contexts_active_in_frame(frame)
        assert context.obj is scope["manager"]
        return context.varname

    names = []
    scope = {"manager": Manager(), "look": look, "names": names}
    exec(NAMES, scope, dict(scope) if separate else scope)
    assert names[0] == ("manager", ["manager"], [["manager"]])
    assert names[1] == ("attribute", ["attribute"], [["attribute"]])
    assert names[2] == ["attribute"]
    assert names[3:] == [["manager"], ["manager"]]


@pytest.mark.skipif(not CPYTHON, reason="PyPy deletes names from it when f_locals is read")
def test_a_comprehension_in_a_namespace_that_logs():
    log = []

    Meta = _metaclass_that_logs(log)  # noqa: N806

    def look():
        frame = sys._getframe(1)
        before = len(log)
        return (
            local_value(frame, "item"),
            local_value(frame, "x"),
            local_values(frame),
            log[before:],
        )

    class Program(metaclass=Meta):
        x = 1
        found = [look() for item in [2]]

    [(item, x, values, touched)] = Program.found
    assert touched == []
    assert item == (True, 2)
    assert x == ((True, 1) if INLINED else (False, None))
    assert values["item"] == 2


@pytest.mark.skipif(not CPYTHON, reason="CPython's way of keeping a debugger's assignments")
def test_what_a_debugger_has_assigned_stays():
    """Up to 3.12 reading ``frame.f_locals`` again throws away what was assigned there."""

    def program(a, b):
        c = 3

        def inner():
            return b, c

        frame = sys._getframe()
        seen = frame.f_locals
        seen["a"] = "changed"
        seen["c"] = "changed too"
        looked = local_value(frame, "a"), local_values(frame), first_argument(frame)
        del frame
        return seen["a"], seen["c"], looked

    a, c, looked = program(1, 2)
    assert (a, c) == ("changed", "changed too")
    if sys.version_info >= (3, 13):  # PEP 667: assignments take effect at once
        assert looked[0] == (True, "changed")
    else:
        assert looked[0] == (True, 1)
        assert looked[2] == (True, 1)


@pytest.mark.skipif(not CPYTHON, reason="CPython's way of keeping a debugger's assignments")
def test_what_a_debugger_has_assigned_takes_effect():
    """As at a prompt: assign, look, go on; the assignment has been made."""
    import stackscope

    def tracer(frame, event, arg):
        if frame.f_code is program.__code__ and event == "line":
            if frame.f_lineno == program.__code__.co_firstlineno + 3:
                frame.f_locals["x"] = "changed"
                stackscope.extract_since(frame)
                str(stackscope.extract_until(frame, limit=1))
                local_values(frame)
        return tracer

    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    def program():
        x = 1
        with Manager():
            y = 2
        return x

    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        found = program()
    finally:
        sys.settrace(old)
    assert found == "changed"


class Methods:
    def method(self, x=None):
        return _first()

    @classmethod
    def class_method(cls):
        return _first()

    @staticmethod
    def static():
        return _first()

    def rebound(self):
        self = 5
        return _first()

    def deleted(self):
        del self
        return _first()

    def captured(self):
        def inner():
            return self

        return _first()

    def varargs(*args):
        return _first()

    def varargs_rebound(*args):
        args = [1]
        return _first()

    def only_keywords(**kwargs):
        return _first()

    def keyword_only(*args, key=1):
        return _first()

    def cell_varargs(*args):
        def inner():
            return args

        return _first()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("method", "self"),
        ("class_method", Methods),
        ("static", None),
        ("rebound", 5),
        ("deleted", None),
        ("captured", "self"),
        ("varargs", "self"),
        ("varargs_rebound", None),
        ("keyword_only", "self"),
        ("cell_varargs", "self"),
    ],
)
def test_first_argument(name, expected):
    instance = Methods()
    found, value = getattr(instance, name)()
    assert found is (expected is not None)
    assert value is (instance if expected == "self" else expected)


def test_first_argument_of_functions_without():
    def varargs(*args):
        return _first()

    def keyword(*, key):
        return _first()

    def plain(x):
        return _first()

    assert Methods.only_keywords(a=1) == (False, None)
    assert varargs() == (False, None)
    assert keyword(key=1) == (False, None)
    assert plain(7) == (True, 7)


def test_hostile_values_are_not_touched():
    class Hostile:
        def refuse(self, *args):
            raise AssertionError("was touched")

        __eq__ = __hash__ = __bool__ = __len__ = __repr__ = __iter__ = __getattribute__ = refuse

    def program(hostile):
        def inner():
            return hostile

        other = Hostile()
        return _value("hostile"), _value("other"), _all(), _first()

    hostile = Hostile()
    value, other, values, first = program(hostile)
    assert value[1] is hostile
    assert first[1] is hostile
    assert type(other[1]) is Hostile
    assert values["hostile"] is hostile


@pytest.mark.skipif(not CPYTHON, reason="reference counts")
def test_nothing_is_kept():
    class Thing:
        pass

    def program(thing):
        def inner():
            return thing

        for _ in range(100):
            _value("thing")
            _all()
            _first()

    gc.disable()
    try:
        thing = Thing()
        reference = weakref.ref(thing)
        before = sys.getrefcount(thing)
        program(thing)
        assert sys.getrefcount(thing) == before
        del thing
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.skipif(
    not CPYTHON or sys.version_info >= (3, 13), reason="variables are public from 3.13 on"
)
def test_without_memory_variables_are_unknown():
    """The public interface would throw away what a debugger has assigned."""
    set_trickery_enabled(False)

    def program(a):
        seen = sys._getframe().f_locals
        seen["a"] = "changed"
        return _value("a"), _all(), _first(), seen["a"]

    assert program(1) == ((False, None), {}, (False, None), "changed")
