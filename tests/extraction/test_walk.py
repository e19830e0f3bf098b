from __future__ import annotations

import gc
import signal
import sys
import threading
import weakref
from collections import deque

import pytest

from stackscope import (
    PRUNE,
    Frame,
    Stack,
    customize,
    elaborate_context,
    elaborate_frame,
    extract,
    extract_child,
    unwrap_stackitem,
    yields_frames,
)
from tests.helpers.stacks import all_names

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


class Seq:
    """Unwraps to its items."""

    def __init__(self, *items):
        self.items = items

    def __repr__(self):
        return f"Seq{self.items!r}"


class Iter(Seq):
    """Gives its items one by one, and then raises."""

    def __init__(self, *items, error=None):
        self.items = items
        self.error = error


class Opaque:
    def __init__(self, name="opaque"):
        self.name = name

    def __repr__(self):
        return f"<{self.name}>"


class Bad(Opaque):
    """Raises when it is unwrapped."""


@unwrap_stackitem.register(Seq)
def unwrap_seq(item):
    return list(item.items)


@unwrap_stackitem.register(Iter)
@yields_frames
def unwrap_iter(item):
    yield from item.items
    if item.error is not None:
        raise item.error


@unwrap_stackitem.register(Bad)
def unwrap_bad(item):
    raise ValueError(item.name)


def gen(name):
    """A suspended generator whose code has the given name and is its own."""

    def function():
        yield

    function.__code__ = function.__code__.replace(co_name=name)
    generator = function()
    next(generator)
    return generator


def elaborated(name, hook):
    """The same, with a hook for its frame."""
    generator = gen(name)
    elaborate_frame.register(generator.gi_code, hook)
    return generator


# ------------------------------------------------------------------ unwrap


@pytest.mark.parametrize("item", [3, "text", None, [1], (2,), object, {}, iter([])])
def test_what_nothing_unwraps_is_the_leaf(item):
    stack = extract(item)
    assert stack.frames == []
    assert stack.leaf is item
    assert stack.root is item
    assert stack.error is None


def test_lists_and_not_tuples():
    stack = extract(gen("a"))
    assert type(stack.frames) is list
    assert type(stack.frames[0].contexts) is list
    assert type(extract(gen("a"), with_contexts=False).frames[0].contexts) is list


def test_sequences_nest_and_none_is_skipped():
    item = Seq(None, gen("a"), Seq(gen("b"), None, Seq()), Seq(), gen("c"), None)
    stack = extract(item)
    assert all_names(stack) == ["a", "b", "c"]
    assert stack.leaf is None
    assert stack.root is item


def test_nothing():
    assert extract(Seq()).frames == []
    stack = extract(Seq(None, Seq()))
    assert (stack.frames, stack.leaf, stack.error) == ([], None, None)


@pytest.mark.parametrize("kind", [list, tuple, deque, type("L", (list,), {})])
def test_kinds_of_sequences(kind):
    class Item:
        pass

    unwrap_stackitem.register(Item, lambda item: kind([gen("a"), gen("b")]))
    assert all_names(extract(Item())) == ["a", "b"]


def test_a_string_is_no_sequence_of_items():
    class Item:
        pass

    unwrap_stackitem.register(Item, lambda item: "text")
    assert extract(Item()).leaf == "text"


def test_leaf_below_frames():
    leaf = Opaque()
    stack = extract(Seq(gen("a"), leaf))
    assert all_names(stack) == ["a"]
    assert stack.leaf is leaf


def test_several_leftovers_are_a_list():
    one, two = Opaque(), Opaque()
    stack = extract(Seq(gen("a"), one, two))
    assert all_names(stack) == ["a"]
    assert stack.leaf == [one, two]
    generator = gen("b")
    stack = extract(Seq(gen("a"), one, generator, Seq()))
    assert stack.leaf[0] is one
    assert stack.leaf[1].pyframe is generator.gi_frame


def test_frames_and_frame_objects():
    generator = gen("a")
    for item in (generator.gi_frame, Frame(generator.gi_frame)):
        stack = extract(item)
        assert [frame.pyframe for frame in stack] == [generator.gi_frame]
        assert stack.root is item
    mine = Frame(generator.gi_frame, 12345, "origin", (), True, True)
    [frame] = extract(mine)
    assert (frame.lineno, frame.origin, frame.hide, frame.hide_line) == (
        12345,
        "origin",
        True,
        True,
    )
    assert mine.contexts == ()


def test_an_item_that_unwraps_for_ever():
    class Loop(Opaque):
        pass

    count = []

    @unwrap_stackitem.register(Loop)
    def unwrap(item):
        count.append(1)
        return item

    loop = Loop("loop")
    stack = extract(Seq(gen("a"), loop))
    assert all_names(stack) == ["a"]
    assert stack.leaf is loop
    assert type(stack.error) is RuntimeError
    assert "<loop> has been unwrapped more than 100 times " in str(stack.error)
    assert len(count) <= 102


def test_long_chains_with_frames_or_dead_ends_are_no_loop():
    item = Seq()
    for _ in range(300):
        item = Seq(gen("a"), item)
    assert len(extract(item)) == 300
    assert extract(Seq(*[Seq(Seq()) for _ in range(300)], gen("a"))).error is None
    item = gen("a")
    for _ in range(100):
        item = Seq(item)
    stack = extract(item)
    assert stack.error is None
    assert len(stack) == 1


def test_ten_thousand_frames():
    class Chain:
        """Unwraps to a frame and the next link, as a coroutine does."""

        def __init__(self, link):
            self.link = link

    @unwrap_stackitem.register(Chain)
    def unwrap(item):
        return [frame, item.link]

    frame = gen("g").gi_frame
    leaf = item = Opaque()
    for _ in range(10_000):
        item = Chain(item)
    stack = extract(item)
    assert len(stack) == 10_000
    assert stack.leaf is leaf
    assert stack.error is None


# -------------------------------------------------------------------- origin


def test_origin():
    def inner():
        yield

    def outer():
        yield from inner()

    generator = outer()
    next(generator)
    frames = extract(Seq(generator)).frames
    assert frames[0].origin is generator
    assert frames[1].origin is generator.gi_yieldfrom
    assert extract(generator.gi_frame).frames[0].origin is None


def test_origin_of_running_frames():
    def inner():
        return extract(generator)

    def outer():
        yield inner()

    generator = outer()
    stack = next(generator)
    assert all_names(stack) == ["outer", "inner"]
    assert all(frame.origin is generator for frame in stack)


# -------------------------------------------------------------------- errors


def test_an_item_that_raises_is_the_leaf():
    bad = Bad("no")
    stack = extract(Seq(gen("a"), bad))
    assert all_names(stack) == ["a"]
    assert stack.leaf is bad
    assert type(stack.error) is ValueError
    assert str(stack.error) == "no"


def test_several_errors_are_a_group():
    stack = extract(Seq(Bad("one"), gen("a"), Bad("two")))
    assert type(stack.error) is ExceptionGroup
    assert stack.error.message == "multiple errors encountered while extracting stack"
    assert [str(error) for error in stack.error.exceptions] == ["one", "two"]


def test_an_iterator_that_raises_keeps_its_frames():
    error = KeyError("x")
    stack = extract(Iter(gen("a"), gen("b"), error=error))
    assert all_names(stack) == ["a", "b"]
    assert stack.error is error
    assert stack.leaf is None
    assert all_names(extract(Seq(Iter(gen("a"), error=error), gen("c")))) == ["a", "c"]


def test_a_frame_whose_hook_raises_is_shown_and_ends_the_stack():
    def hook(frame, next_inner):
        raise KeyError("hook")

    generator = elaborated("bad", hook)
    customize(generator.gi_code, hide=True, prune=False, elaborate=hook)
    stack = extract(Seq(gen("a"), generator, gen("b"), Opaque()))
    assert all_names(stack) == ["a", "bad"]
    assert stack.frames[1].hide is False
    assert type(stack.error) is KeyError
    assert stack.leaf is None


def test_a_context_whose_hook_raises_stays():
    class Manager:
        def __enter__(self):
            pass

        def __exit__(self, *exc):
            pass

    @elaborate_context.register(Manager)
    def elaborate(manager, context):
        context.description = "half done"
        raise KeyError("context")

    def function():
        with Manager(), Manager():
            yield from inner()

    def inner():
        yield

    generator = function()
    next(generator)
    stack = extract(generator)
    assert all_names(stack) == ["function", "inner"]
    assert [context.description for context in stack.frames[0].contexts] == ["half done"] * 2
    assert type(stack.error) is ExceptionGroup
    assert [type(error) for error in stack.error.exceptions] == [KeyError, KeyError]


@pytest.mark.parametrize("kind", [OSError, GeneratorExit, RecursionError, MemoryError])
def test_whatever_a_hook_raises_is_kept(kind):
    stack = extract(Iter(gen("a"), error=kind("why")))
    assert type(stack.error) is kind
    both = extract(Seq(Iter(error=kind("why")), Iter(error=ValueError())))
    assert isinstance(both.error, BaseExceptionGroup)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_and_exits_get_through(kind):
    with pytest.raises(kind):
        extract(Iter(gen("a"), error=kind()))


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="needs signals")
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs SIGUSR1")
def test_what_a_signal_handler_raises_gets_through():
    class Item:
        pass

    def handler(signum, frame):
        raise SystemExit("terminated")

    @unwrap_stackitem.register(Item)
    def unwrap(item):
        signal.raise_signal(signal.SIGUSR1)
        return gen("a")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(SystemExit, match="terminated"):
            extract(Item())
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_traceback_of_an_error_begins_in_the_hook():
    error = extract(Bad("x")).error
    assert error.__traceback__.tb_frame.f_code.co_name == "unwrap_bad"
    assert error.__traceback__.tb_next is None


def test_errors_in_iterating_over_what_a_hook_returns():
    class Broken(list):
        def __iter__(self):
            raise OSError("broken")

    class Item:
        pass

    unwrap_stackitem.register(Item, lambda item: Broken([1]))
    item = Item()
    stack = extract(item)
    assert stack.leaf is item
    assert type(stack.error) is OSError


# ----------------------------------------------------------------- elaborate


def test_next_inner():
    seen = []

    def hook(frame, next_inner):
        seen.append(next_inner)

    leaf = Opaque()
    head = elaborated("head", hook)
    stack = extract(Seq(head, gen("a")))
    assert seen.pop() is stack.frames[1]
    extract(Seq(head, leaf, gen("a")))
    assert seen.pop() is leaf
    bad = Bad()
    extract(Seq(head, bad))
    assert seen.pop() is bad
    extract(head)
    assert seen.pop() is None


def with_hook(result, *below):
    """Extract a frame whose hook returns ``result(next_inner)``, followed by ``below``."""
    return extract(Seq(elaborated("head", lambda frame, inner: result(inner)), *below))


def test_go_on():
    for result in (lambda n: None, lambda n: n, lambda n: [n], lambda n: (n,)):
        assert all_names(with_hook(result, gen("a"), gen("b"))) == ["head", "a", "b"]


@pytest.mark.parametrize("prune", [PRUNE, (), []])
def test_prune(prune):
    stack = with_hook(lambda n: prune, gen("a"), Opaque())
    assert all_names(stack) == ["head"]
    assert stack.leaf is None
    assert with_hook(lambda n: prune, Opaque()).leaf is None


def test_replace():
    other = gen("other")
    assert all_names(with_hook(lambda n: other, gen("a"), gen("b"))) == ["head", "other"]
    assert all_names(with_hook(lambda n: [other, gen("x")], gen("a"))) == ["head", "other", "x"]
    leaf = Opaque()
    stack = with_hook(lambda n: leaf, gen("a"))
    assert all_names(stack) == ["head"]
    assert stack.leaf is leaf
    assert with_hook(lambda n: [other], leaf).leaf is None


def test_replace_by_what_includes_the_next():
    stack = with_hook(lambda n: (n, gen("x")), gen("a"), gen("b"))
    assert all_names(stack) == ["head", "a", "x"]


def test_insert():
    stack = with_hook(lambda n: [gen("x"), gen("y"), n], gen("a"), gen("b"))
    assert all_names(stack) == ["head", "x", "y", "a", "b"]
    leaf = Opaque()
    stack = with_hook(lambda n: [gen("x"), n], leaf)
    assert all_names(stack) == ["head", "x"]
    assert stack.leaf is leaf
    assert all_names(with_hook(lambda n: [gen("x"), n])) == ["head", "x"]


def test_insert_before_an_item_that_raised():
    bad = Bad("once")
    stack = with_hook(lambda n: [gen("x"), n], bad)
    assert all_names(stack) == ["head", "x"]
    assert stack.leaf is bad
    assert type(stack.error) is ValueError


def test_what_is_pruned_leaves_no_error():
    assert with_hook(lambda n: PRUNE, Bad()).error is None
    assert with_hook(lambda n: gen("x"), Bad()).error is None
    assert with_hook(lambda n: PRUNE, Iter(error=KeyError())).error is None
    assert type(with_hook(lambda n: None, Iter(error=KeyError())).error) is KeyError


def test_inserting_a_leaf():
    leaf = Opaque()
    stack = with_hook(lambda n: [leaf, n], gen("a"))
    assert all_names(stack) == ["head"]
    assert stack.leaf[0] is leaf
    assert stack.leaf[1].funcname == "a"


def test_changes_to_the_next_frame_stay():
    def hide_next(frame, next_inner):
        next_inner.hide = True
        return [gen("x"), next_inner]

    stack = extract(Seq(elaborated("head", hide_next), gen("a")))
    assert [(frame.funcname, frame.hide) for frame in stack] == [
        ("head", False),
        ("x", False),
        ("a", True),
    ]


@pytest.mark.parametrize("result", [PRUNE, None])
def test_inserted_frames_leave_the_next_alone(result):
    replacement = gen("replacement") if result is None else result
    expected = ["replacement"] if result is None else []
    inserted = elaborated("inserted", lambda frame, inner: replacement)
    stack = with_hook(lambda n: [inserted, n], gen("a"), gen("b"))
    assert all_names(stack) == ["head", "inserted", *expected, "a", "b"]
    # but what was inserted together with it is its own
    stack = with_hook(lambda n: [inserted, gen("x"), Opaque(), n], gen("a"), gen("b"))
    assert all_names(stack) == ["head", "inserted", *expected, "a", "b"]


def test_inserted_frames_see_the_next():
    seen = []
    inserted = elaborated("inserted", lambda frame, inner: seen.append(inner.funcname))
    with_hook(lambda n: [inserted, n], gen("a"))
    assert seen == ["a"]


def test_insertions_nest():
    innermost = elaborated("innermost", lambda frame, inner: PRUNE)
    inserted = elaborated("inserted", lambda frame, inner: [innermost, inner])
    stack = with_hook(lambda n: [inserted, gen("x"), n], gen("a"), gen("b"))
    assert all_names(stack) == ["head", "inserted", "innermost", "x", "a", "b"]


def test_frames_after_an_insertion_may_prune():
    pruning = elaborated("pruning", lambda frame, inner: PRUNE)
    stack = with_hook(lambda n: [gen("x"), n], pruning, gen("b"))
    assert all_names(stack) == ["head", "x", "pruning"]


def test_replacements_can_be_replaced():
    replaced = elaborated("replaced", lambda frame, inner: gen("final"))
    assert all_names(with_hook(lambda n: [replaced, gen("x")], gen("a"))) == [
        "head",
        "replaced",
        "final",
    ]


# -------------------------------------------------------- hostile metaclasses


def test_classes_whose_hash_and_equality_are_broken():
    class Meta(type):
        def __hash__(cls):
            raise ZeroDivisionError

        def __eq__(cls, other):
            raise ZeroDivisionError

        def __getattribute__(cls, name):
            raise ZeroDivisionError

    class Base:
        pass

    unwrap_stackitem.register(Base, lambda item: gen("a"))
    elaborate_context.register(Base, lambda manager, context: setattr(context, "description", "b"))

    Item = Meta("Item", (Base,), {})
    stack = extract(Item())
    assert all_names(stack) == ["a"]
    assert stack.error is None
    manager = Meta(
        "Manager",
        (Base,),
        {"__enter__": lambda self: None, "__exit__": lambda self, *exc: None},
    )()

    def function():
        with manager:
            yield

    generator = function()
    next(generator)
    stack = extract(generator)
    assert stack.error is None
    assert [context.description for context in stack.frames[0].contexts] == ["b"]


def test_items_with_a_broken_class():
    class Liar:
        @property
        def __class__(self):
            raise ZeroDivisionError

        def __getattribute__(self, name):
            raise ZeroDivisionError

        def __eq__(self, other):
            raise ZeroDivisionError

        __hash__ = None

        def __bool__(self):
            raise ZeroDivisionError

    liar = Liar()
    stack = extract(liar)
    assert stack.leaf is liar
    assert stack.error is None
    stack = extract(Seq(gen("a"), liar, liar))
    assert len(stack.leaf) == 2
    assert stack.error is None


# ------------------------------------------------------------------- nesting


def test_child_options():
    class Group:
        def __enter__(self):
            pass

        def __exit__(self, *exc):
            pass

    child = gen("child")

    @elaborate_context.register(Group)
    def elaborate(manager, context):
        context.inner_stack = extract_child(child, for_task=False)
        context.children = [extract_child(child, for_task=True)]

    def function():
        with Group():
            yield

    generator = function()
    next(generator)
    [context] = extract(generator).frames[0].contexts
    assert len(context.inner_stack) == 1
    assert context.children == [Stack(child, [])]
    [context] = extract(generator, recurse_child_tasks=True).frames[0].contexts
    assert all_names(context.children[0]) == ["child"]


def test_an_item_that_contains_itself():
    class Group:
        def __enter__(self):
            pass

        def __exit__(self, *exc):
            pass

    @elaborate_context.register(Group)
    def elaborate(manager, context):
        context.children = [extract_child(generator, for_task=True)]

    def function():
        with Group():
            yield

    generator = function()
    next(generator)
    stack = extract(generator, recurse_child_tasks=True)
    assert stack.error is None
    [child] = stack.frames[0].contexts[0].children
    assert child == Stack(generator, [])


class Tree:
    """A manager with a child task that may have a manager with a child task, and so on."""

    def __init__(self, child):
        self.child = child

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


@elaborate_context.register(Tree)
def elaborate_tree(manager, context):
    context.children = [extract_child(manager.child, for_task=True)]


def tree_level(child):
    with Tree(child):
        yield


def test_a_tree_of_tasks_deeper_than_the_recursion_limit():
    levels = sys.getrecursionlimit() + 500
    task = bad = Bad("at the bottom")
    for _ in range(levels):
        task = tree_level(task)
        next(task)
    stack = extract(task, recurse_child_tasks=True)
    for _ in range(levels):
        assert stack.error is None
        [frame] = stack.frames
        [context] = frame.contexts
        [stack] = context.children
    assert stack.leaf is bad
    assert type(stack.error) is ValueError
    # give the interpreter a chance to dismantle them
    while type(task) is not Bad:
        task = task.gi_frame.f_locals["child"]


# -------------------------------------------------- other threads and signals


def test_extraction_in_a_hook_of_another_extraction():
    class Item:
        pass

    inner = []

    @unwrap_stackitem.register(Item)
    def unwrap(item):
        inner.append(extract(gen("inner")))
        extract_child(gen("c"), for_task=False)  # the outer extraction is current again
        return gen("outer")

    assert all_names(extract(Item())) == ["outer"]
    assert all_names(inner[0]) == ["inner"]


def test_extract_child_knows_its_thread():
    entered, leave = threading.Event(), threading.Event()

    class Item:
        pass

    @unwrap_stackitem.register(Item)
    def unwrap(item):
        entered.set()
        leave.wait(10)
        return gen("a")

    thread = threading.Thread(target=extract, args=(Item(),))
    thread.start()
    entered.wait(10)
    try:
        with pytest.raises(RuntimeError, match="may only be called from within"):
            extract_child(gen("a"), for_task=False)
    finally:
        leave.set()
        thread.join()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs SIGUSR1")
def test_extraction_in_a_signal_handler_during_an_extraction():
    class Item:
        pass

    found = []

    def handler(signum, frame):
        found.append(all_names(extract(gen("in handler"))))

    @unwrap_stackitem.register(Item)
    def unwrap(item):
        signal.raise_signal(signal.SIGUSR1)
        return [gen("a"), gen("b")]

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        assert all_names(extract(Item())) == ["a", "b"]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found == [["in handler"]]


# ------------------------------------------------------------------ lifetime


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Witness:
    """Something whose end can be observed."""


def holding(witness, manager):
    with manager:
        yield witness


class NullManager:
    def __enter__(self):
        pass

    def __exit__(self, *exc):
        pass


needs_refcounts = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="needs reference counts"
)


@needs_refcounts
@pytest.mark.parametrize("error", [False, True])
def test_nothing_is_kept_alive(no_collector, error):
    def scene():
        witness = Witness()
        generator = holding(witness, NullManager())
        next(generator)
        items = [generator, Bad("x")] if error else [generator]
        return generator, weakref.ref(witness), extract(Seq(*items))

    generator, reference, stack = scene()
    assert (stack.error is not None) is error
    del stack
    assert reference() is not None
    del generator
    assert reference() is None


class Failing(NullManager):
    pass


@elaborate_context.register(Failing)
def elaborate_failing(manager, context):
    raise KeyError("x")


@needs_refcounts
def test_errors_make_no_cycles(no_collector):
    def scene():
        generator = holding(Witness(), Failing())
        next(generator)
        return weakref.ref(generator.gi_frame.f_locals["witness"]), generator

    reference, generator = scene()
    stack = extract(generator, recurse_child_tasks=True)
    assert stack.error is not None
    del generator
    assert reference() is not None
    del stack
    assert reference() is None


@needs_refcounts
def test_no_cycle_in_a_deep_tree_with_errors(no_collector):
    witness = Bad("x")
    reference = weakref.ref(witness)
    task = witness
    for _ in range(60):
        task = tree_level(task)
        next(task)
    stack = extract(task, recurse_child_tasks=True)
    del task, witness
    assert reference() is not None
    del stack
    assert reference() is None
