from __future__ import annotations

import pytest

import stackscope
from stackscope import (
    PRUNE,
    Context,
    customize,
    elaborate_context,
    elaborate_frame,
    extract,
    extract_child,
    fill_context,
    unwrap_context,
    unwrap_stackitem,
    yields_frames,
)
from tests.helpers.stacks import all_names


def started(function, *args):
    generator = function(*args)
    next(generator)
    return generator


def make_functions():
    """Functions with code objects of their own: each calls the next one."""

    def first():
        yield from second()

    def second():
        yield from third()

    def third():
        yield

    # Each call gives the same code objects, so copy them.
    for function in (first, second, third):
        function.__code__ = function.__code__.replace(co_firstlineno=1)
    return first, second, third


# ---------------------------------------------------------------- customize


def test_prune_is_an_empty_tuple():
    assert PRUNE == ()
    assert isinstance(PRUNE, tuple)


def test_customize_as_a_decorator_returns_its_argument():
    def function():
        pass

    assert customize(hide=True)(function) is function
    assert customize(function, hide=True) is function
    for wrapper in (staticmethod(function), classmethod(function)):
        assert customize(hide=True)(wrapper) is wrapper
        assert customize(wrapper, prune=True) is wrapper
    assert customize()(function) is function


def test_customize_methods():
    class Customized:
        @customize(hide=True)
        @classmethod
        def of_class(cls):
            yield

        @customize(hide_line=True)
        @staticmethod
        def static():
            yield

    [frame] = extract(started(Customized.of_class))
    assert (frame.hide, frame.hide_line) == (True, False)
    [frame] = extract(started(Customized.static))
    assert (frame.hide, frame.hide_line) == (False, True)


def test_customize_inner_function():
    def outer():
        def inner():
            yield

        return inner

    assert customize(outer, "inner", hide=True) is outer
    [frame] = extract(started(outer()))
    assert frame.hide


def test_customize_prune():
    first, second, third = make_functions()
    customize(second, prune=True)
    stack = extract(started(first))
    assert all_names(stack) == ["first", "second"]
    assert stack.leaf is None
    assert not stack.frames[1].hide


def test_customize_elaborate_and_prune():
    first, second, third = make_functions()
    seen = []

    def elaborate(frame, next_inner):
        seen.append((frame.hide, frame.hide_line, next_inner.funcname))
        return result

    customize(second, hide=True, hide_line=True, prune=True, elaborate=elaborate)
    result = None
    assert all_names(extract(started(first))) == ["first", "second"]
    result = started(third)
    assert all_names(extract(started(first))) == ["first", "second", "third"]
    assert seen == [(True, True, "third")] * 2


def test_the_last_customization_counts():
    first, second, third = make_functions()
    customize(first, hide=True)
    customize(first, hide_line=True)
    frame = extract(started(first)).frames[0]
    assert (frame.hide, frame.hide_line) == (False, True)


def test_customize_what_has_no_code():
    with pytest.raises(TypeError, match="extract a code object"):
        customize(3, hide=True)


# ----------------------------------------------------------- elaborate_frame


def hidden_if(value):
    __tracebackhide__ = value
    yield


class Truth:
    def __init__(self):
        self.asked = 0

    def __bool__(self):
        self.asked += 1
        return True

    def __len__(self):
        self.asked += 1
        return 1


@pytest.mark.parametrize("value", [True, 1, "yes", lambda excinfo: True, [1], object()])
def test_tracebackhide(value):
    [frame] = extract(started(hidden_if, value))
    assert frame.hide is True


@pytest.mark.parametrize("value", [False, 0, None, "", [], 0.0])
def test_tracebackhide_false(value):
    [frame] = extract(started(hidden_if, value))
    assert frame.hide is False


def test_tracebackhide_runs_no_code():
    truth = Truth()
    extract(started(hidden_if, truth))
    assert truth.asked == 0


def test_tracebackhide_unbound():
    def function():
        yield
        __tracebackhide__ = True

    [frame] = extract(started(function))
    assert not frame.hide


def test_tracebackhide_in_a_cell():
    def function():
        __tracebackhide__ = True

        def inner():
            return __tracebackhide__

        yield inner

    [frame] = extract(started(function))
    assert frame.hide


def test_tracebackhide_of_a_global_is_none_of_the_frame():
    namespace = {"__tracebackhide__": True}
    exec("def function():\n    yield __tracebackhide__", namespace)
    [frame] = extract(started(namespace["function"]))
    assert not frame.hide


def test_an_implementation_replaces_the_default():
    def function():
        __tracebackhide__ = True
        yield

    elaborate_frame.register(function, lambda frame, next_inner: None)
    [frame] = extract(started(function))
    assert not frame.hide


def test_contexts_are_there_before_a_frame_is_elaborated():
    seen = []

    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    @elaborate_context.register(Manager)
    def elaborate(manager, context):
        context.description = "described"

    def function():
        with Manager():
            yield

    @elaborate_frame.register(function)
    def look(frame, next_inner):
        seen.append([context.description for context in frame.contexts])
        frame.contexts[0].hide = True

    [frame] = extract(started(function))
    assert seen == [["described"]]
    assert frame.contexts[0].hide


# ------------------------------------------------------------ context hooks


class Outer:
    def __init__(self, inner=None):
        self.inner = inner

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


class Inner(Outer):
    pass


def test_fill_context_unwraps_and_elaborates():
    calls = []

    class A(Outer):
        pass

    class B(Outer):
        pass

    @unwrap_context.register(A)
    @unwrap_context.register(B)
    def unwrap(manager, context):
        calls.append(("unwrap", type(manager).__name__, context.children))
        return manager.inner

    @elaborate_context.register(A)
    @elaborate_context.register(B)
    def elaborate(manager, context):
        calls.append(("elaborate", type(manager).__name__, context.obj is manager))
        context.children = [type(manager).__name__]
        context.inner_stack = stackscope.Stack(None, [])
        context.description = (context.description or "") + type(manager).__name__

    context = Context(A(B(A())), False)
    assert fill_context(context) is None
    assert calls == [
        ("elaborate", "A", True),
        ("unwrap", "A", ["A"]),
        ("elaborate", "B", True),
        ("unwrap", "B", ["B"]),
        ("elaborate", "A", True),
        ("unwrap", "A", ["A"]),
    ]
    assert context.children == ["A"]
    assert context.description == "ABA"


def test_what_is_unwrapped_starts_anew():
    class A(Outer):
        pass

    inner = Outer()
    unwrap_context.register(A, lambda manager, context: inner)

    @elaborate_context.register(A)
    def elaborate(manager, context):
        context.children = [1]
        context.inner_stack = stackscope.Stack(None, [])

    context = Context(A(), True, varname="a", start_line=3)
    fill_context(context)
    assert context == Context(inner, True, False, "a", 3, None, None, [])


@pytest.mark.parametrize("prune", [PRUNE, ()])
def test_prune_hides_a_context(prune):
    class A(Outer):
        pass

    unwrap_context.register(A, lambda manager, context: prune)
    manager = A()
    context = Context(manager, False)
    fill_context(context)
    assert context.hide
    assert context.obj is manager


def test_a_manager_that_unwraps_for_ever():
    class A(Outer):
        def __repr__(self):
            return "<A>"

    count = []

    @unwrap_context.register(A)
    def unwrap(manager, context):
        count.append(1)
        return manager

    with pytest.raises(RuntimeError, match="<A> has been unwrapped more than 100 times "):
        fill_context(Context(A(), False))
    assert len(count) == 101


def test_a_hundred_unwrappings_of_a_manager_are_all_right():
    class A(Outer):
        pass

    unwrap_context.register(A, lambda manager, context: manager.inner)
    innermost = manager = A()
    for _ in range(100):
        manager = A(manager)
    context = Context(manager, False)
    fill_context(context)
    assert context.obj is innermost


def test_fill_context_lets_errors_out():
    class A(Outer):
        pass

    @elaborate_context.register(A)
    def elaborate(manager, context):
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        fill_context(Context(A(), False))


def test_fill_context_of_an_unknown_manager():
    context = Context(None, True, is_exiting=True)
    fill_context(context)
    assert context == Context(None, True, is_exiting=True)


def test_extract_child_in_a_bare_fill_context():
    class A(Outer):
        pass

    def function():
        yield

    generator = started(function)

    @elaborate_context.register(A)
    def elaborate(manager, context):
        context.children = [
            extract_child(generator, for_task=False),
            extract_child(generator, for_task=True),
        ]

    context = Context(A(), False)
    fill_context(context)
    assert [len(stack) for stack in context.children] == [1, 0]
    with pytest.raises(RuntimeError, match="may only be called from within"):
        extract_child(generator, for_task=False)


# ------------------------------------------------------------- yields_frames


def test_yields_frames():
    class Several:
        pass

    def function():
        yield

    generators = [started(function), started(function)]

    @unwrap_stackitem.register(Several)
    @yields_frames
    def unwrap(item):
        """Its generators."""
        yield generators[0].gi_frame
        yield None
        yield generators[1]

    stack = extract(Several())
    assert [frame.pyframe for frame in stack] == [g.gi_frame for g in generators]
    assert stack.error is None
    assert unwrap.__doc__ == "Its generators."
    assert len(list(unwrap(None))) == 3


def test_without_yields_frames_an_iterator_is_an_item():
    class Several:
        pass

    @unwrap_stackitem.register(Several)
    def unwrap(item):
        yield item

    stack = extract(Several())
    assert all_names(stack) == ["unwrap"]
