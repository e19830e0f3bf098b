from __future__ import annotations

import copy
import dataclasses
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from stackscope.interpreter.facts import InspectionWarning
from stackscope.model import stacks as model
from stackscope.model.stacks import Context, Frame, Stack, StackItem, StackSlice


def suspended(function, *args):
    generator = function(*args)
    next(generator)
    return generator


def plain():
    yield


@pytest.fixture
def generator():
    generator = suspended(plain)
    yield generator
    generator.close()


@pytest.fixture
def pyframe(generator):
    return generator.gi_frame


def test_fields_and_defaults():
    def described(cls):
        missing = dataclasses.MISSING
        return [
            (field.name,) if field.default is missing else (field.name, field.default)
            for field in dataclasses.fields(cls)
        ]

    assert described(Stack) == [("root",), ("frames",), ("leaf", None), ("error", None)]
    assert described(Frame) == [
        ("pyframe",),
        ("lineno", -1),
        ("origin", None),
        ("contexts", ()),
        ("hide", False),
        ("hide_line", False),
    ]
    assert described(Context) == [
        ("obj",),
        ("is_async",),
        ("is_exiting", False),
        ("varname", None),
        ("start_line", None),
        ("description", None),
        ("inner_stack", None),
        ("children", ()),
        ("hide", False),
    ]
    assert described(StackSlice) == [("outer", None), ("inner", None), ("limit", None)]


@pytest.mark.parametrize("cls", [Stack, Frame, Context, StackSlice])
def test_positional_order_is_that_of_the_fields(cls, pyframe):
    names = [field.name for field in dataclasses.fields(cls)]
    values = [object() for _ in names]
    obj = cls(*values)
    assert [getattr(obj, name) for name in names] == values
    assert cls(**dict(zip(names, values))) == obj
    assert cls.__match_args__ == tuple(names)


def test_they_are_dataclasses(pyframe):
    frame = Frame(pyframe, 5)
    assert dataclasses.is_dataclass(Frame)
    assert dataclasses.is_dataclass(frame)
    changed = dataclasses.replace(frame, hide=True)
    assert changed == Frame(pyframe, 5, hide=True) != frame
    assert dataclasses.replace(frame) == frame
    if hasattr(copy, "replace"):
        assert copy.replace(frame, lineno=6) == Frame(pyframe, 6)
    with pytest.raises(TypeError):
        dataclasses.replace(frame, unknown=1)
    frame.hide = True
    assert frame == changed
    with pytest.raises(TypeError):
        hash(frame)
    assert frame != 1
    assert Context(1, False) != Context(1, True)
    shallow = copy.copy(frame)
    assert shallow == frame
    assert shallow is not frame


def test_a_subclass_can_be_a_dataclass(pyframe):
    @dataclasses.dataclass
    class Numbered(Frame):
        number: int = 0

    assert Numbered(pyframe, 3, number=7).number == 7
    assert Numbered(pyframe, 3, number=7) != Numbered(pyframe, 3, number=8)
    assert [f.name for f in dataclasses.fields(Numbered)][-1] == "number"

    class Plain(StackSlice):
        pass

    assert dataclasses.is_dataclass(Plain)
    assert Plain(limit=1) == Plain(limit=1)
    assert Plain() != StackSlice()


def test_asdict_and_nested_equality(pyframe):
    def build():
        inner = Stack(None, [Frame(pyframe, 1)])
        return Context(1, False, inner_stack=inner, children=[Stack(2, [])])

    assert build() == build()
    other = build()
    other.inner_stack.frames[0].lineno = 2
    assert other != build()


def test_the_first_look_at_fields_may_happen_in_many_threads():
    code = """
import threading, sys
import dataclasses
from stackscope.model import diagnosis, difference, snapshot, stacks, waiting
modules = [diagnosis, difference, snapshot, stacks, waiting]
classes = [
    cls for module in modules for cls in vars(module).values()
    if isinstance(cls, type) and cls.__module__ == module.__name__ and "__match_args__" in vars(cls)
]
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8, timeout=9)
found = []
def look():
    for cls in classes:
        barrier.wait()
        found.append(tuple(f.name for f in dataclasses.fields(cls)) == cls.__match_args__)
threads = [threading.Thread(target=look) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(classes) > 15
assert found == [True] * 8 * len(classes), found
assert stacks.Context(1, False, varname="x").varname == "x"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light():
    code = """
import sys
before = set(sys.modules)
import stackscope.model.stacks
new = set(sys.modules) - before
heavy = {"dataclasses", "inspect", "typing", "traceback", "linecache", "asyncio", "ast", "dis"}
assert not new & heavy, new & heavy
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", _with_path(code)], check=True)


def _with_path(code):
    """The code, run with only our own package, and without what its ``__init__`` imports."""
    import os

    folder = os.path.dirname(os.path.dirname(os.path.abspath(model.__file__)))
    return f"""
import sys, types
package = types.ModuleType("stackscope")
package.__path__ = [{folder!r}]
sys.modules["stackscope"] = package
{code}"""


def test_stack_is_a_sequence_of_frames(pyframe):
    frames = [Frame(pyframe), Frame(pyframe, hide=True)]
    stack = Stack(None, frames)
    assert list(stack) == frames
    assert len(stack) == 2
    assert len(Stack(1, [])) == 0


def test_lineno_is_read_when_the_frame_is_made():
    def two_lines():
        yield
        yield

    generator = suspended(two_lines)
    first = two_lines.__code__.co_firstlineno
    frame = Frame(generator.gi_frame)
    assert frame.lineno == first + 1
    next(generator)
    assert frame.lineno == first + 1
    assert Frame(generator.gi_frame).lineno == first + 2
    assert Frame(generator.gi_frame, 0).lineno == 0


def test_names(pyframe):
    frame = Frame(pyframe)
    assert frame.filename == pyframe.f_code.co_filename
    assert frame.funcname == "plain"
    assert frame.clsname is None
    assert frame.modname == __name__
    assert frame.linetext == "yield"


@pytest.mark.parametrize(
    ("namespace", "expected"), [({}, None), ({"__name__": 3}, None), ({"__name__": "x"}, "x")]
)
def test_modname(namespace, expected):
    exec("def f():\n    yield", namespace)
    assert Frame(suspended(namespace["f"]).gi_frame).modname == expected


def test_linetext(pyframe):
    assert Frame(pyframe, 0).linetext == ""
    assert Frame(pyframe, 10**6).linetext == ""
    assert Frame(pyframe, hide_line=True).linetext == ""
    assert Frame(pyframe, pyframe.f_code.co_firstlineno).linetext == "def plain():"
    namespace: dict = {}
    exec("def f():\n    yield", namespace)
    assert Frame(suspended(namespace["f"]).gi_frame).linetext == ""


def test_linetext_of_a_loader_that_raises():
    class Loader:
        def get_source(self, name):
            raise ZeroDivisionError

    namespace = {"__name__": "odd", "__loader__": Loader()}
    exec(compile("def f():\n    yield", "/nowhere/odd.py", "exec"), namespace)
    assert Frame(suspended(namespace["f"]).gi_frame).linetext == ""


class Hostile(type):
    """A metaclass whose classes mind being looked at."""

    def __getattribute__(cls, name):
        raise ValueError(name)

    def __eq__(cls, other):
        raise ValueError

    def __hash__(cls):
        raise ValueError


class Outer:
    class Inner:
        def method(self):
            yield

        def renamed(this):
            yield

        def unbound(self):
            del self
            yield

        def in_cell(self):
            yield lambda: self

        def reassigned(self):
            self = 3
            yield

        @classmethod
        def on_class(cls):
            yield

        @staticmethod
        def static(self):
            yield

        @staticmethod
        def not_a_class(cls):
            yield

        def keyword(*, self):
            yield

        def starred(*self):
            yield

    class Minds(metaclass=Hostile):
        def method(self):
            yield

        @staticmethod
        def on_class(cls):
            yield


INNER = "Outer.Inner"


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (Outer.Inner.method, (Outer.Inner(),), INNER),
        (Outer.Inner.renamed, (Outer.Inner(),), None),
        (Outer.Inner.unbound, (Outer.Inner(),), None),
        (Outer.Inner.in_cell, (Outer.Inner(),), INNER),
        (Outer.Inner.reassigned, (Outer.Inner(),), "int"),
        (Outer.Inner.on_class, (), INNER),
        (Outer.Inner.static, (Outer(),), "Outer"),
        (Outer.Inner.not_a_class, (3,), None),
        (Outer.Inner.starred, (Outer(),), None),
    ],
)
def test_clsname(function, args, expected):
    assert Frame(suspended(function, *args).gi_frame).clsname == expected


def test_clsname_of_a_keyword_only_parameter():
    generator = Outer.Inner.keyword(self=Outer())
    next(generator)
    assert Frame(generator.gi_frame).clsname is None


def test_clsname_runs_no_code_of_the_metaclass():
    functions = type.__getattribute__(Outer.Minds, "__dict__")
    method = suspended(functions["method"], object.__new__(Outer.Minds))
    assert Frame(method.gi_frame).clsname == "Outer.Minds"
    on_class = suspended(functions["on_class"].__func__, Outer.Minds)
    assert Frame(on_class.gi_frame).clsname == "Outer.Minds"


def test_clsname_does_not_ask_for_the_class_of_an_object():
    class Liar:
        @property
        def __class__(self):
            raise ValueError

        def method(self):
            yield

    def on_class(cls):
        yield

    assert Frame(suspended(Liar.method, Liar()).gi_frame).clsname.endswith("Liar")
    assert Frame(suspended(on_class, Liar()).gi_frame).clsname is None


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="f_locals is a proxy since PEP 667")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="how CPython's debugger assigns")
def test_clsname_keeps_what_a_debugger_assigned():
    def method(self):
        value = 1
        yield value

    frame = suspended(method, 5).gi_frame
    frame.f_locals["value"] = (
        2  # as "value = 2" at the prompt does; f_locals is not read again below
    )
    assert Frame(frame).clsname == "int"
    str(Frame(frame))
    import ctypes

    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    assert frame.f_locals["value"] == 2


def test_a_frame_says_the_same_before_and_after_the_first_extraction():
    code = """
import sys, stackscope

def said_of(frame):
    return frame.clsname, str(frame), frame.as_stdlib_summary(capture_locals=True).locals

class Server:
    def serve(self, port):
        frame = stackscope.Frame(sys._getframe())
        return frame, said_of(frame)

frame, before = Server().serve(80)
stackscope.extract(None)
after = said_of(frame)
assert before[0] == after[0] == "Server", (before, after)
assert before[1].startswith("Server.serve in __main__ at "), before
assert before[2].items() <= after[2].items(), (before, after)
assert before[2]["port"] == "80", before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_str_is_the_joined_format(pyframe):
    context = Context(1, False)
    frame = Frame(pyframe, contexts=[context])
    for obj in (context, frame, Stack(None, [frame]), Stack(1, [])):
        assert str(obj) == "".join(obj.format())


def test_repr_has_the_form_of_dataclasses(pyframe):
    assert repr(Context(1, False)) == (
        "Context(obj=1, is_async=False, is_exiting=False, varname=None, start_line=None, "
        "description=None, inner_stack=None, children=(), hide=False)"
    )
    stack = Stack("root", [Frame(pyframe, 2, contexts=[Context(None, True)])], leaf=[1])
    text = repr(stack)
    assert text.startswith("Stack(root='root', frames=[Frame(pyframe=<frame")
    assert "contexts=[Context(obj=None, is_async=True," in text
    assert text.endswith("hide=False, hide_line=False)], leaf=[1], error=None)")
    assert repr(StackSlice(limit=3)) == "StackSlice(outer=None, inner=None, limit=3)"


def test_repr_of_what_is_deep_or_contains_itself(pyframe):
    stack = Stack(None, [])
    for _ in range(2000):
        stack = Stack(None, [Frame(pyframe, contexts=[Context(1, False, inner_stack=stack)])])
    assert "..." in repr(stack)
    stack.frames[0].contexts[0].inner_stack = stack
    assert len(repr(stack)) < 20_000
    while stack.frames:  # or else taking it down would recurse
        stack.frames, stack = [], stack.frames[0].contexts[0].inner_stack


def test_nothing_is_kept_alive():
    class Manager:
        pass

    manager = Manager()
    generator = suspended(plain)
    frame = Frame(generator.gi_frame, origin=generator, contexts=[Context(manager, False)])
    stack = Stack(generator, [frame], leaf=manager)
    stack.format()
    stack.format_flat(show_contexts=True)
    stack.as_stdlib_summary(show_contexts=True, capture_locals=True)
    repr(stack)
    died = [weakref.ref(manager), weakref.ref(generator)]
    del manager, generator, frame, stack
    if sys.implementation.name != "cpython":
        gc.collect()
    assert [ref() for ref in died] == [None, None]


def test_formatting_in_several_threads(pyframe):
    stack = Stack(None, [Frame(pyframe, contexts=[Context(1, False)])] * 50)
    expected, found = stack.format(), []
    threads = [threading.Thread(target=lambda: found.append(stack.format())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_the_rest_of_the_names():
    assert issubclass(InspectionWarning, RuntimeWarning)
    item: StackItem = 3
    assert item == 3
