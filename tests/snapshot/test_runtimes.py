"""What glue of others tells of their tasks, also if it tells nonsense."""

from __future__ import annotations

import itertools

import pytest

import stackscope
from stackscope import extract_all
from stackscope.snapshot import runtimes
from tests.helpers.rows import share


class Errand:
    """A task of a library that nobody knows."""


def errand():
    yield


METHODS = [
    "cancel_reason",
    "current",
    "is_running",
    "loops",
    "owner",
    "state",
    "task_name",
    "tasks",
    "thread",
    "types",
]


class Truthless:
    def __bool__(self):
        raise ValueError("neither")

    def __iter__(self):
        raise ValueError("none")


ANSWERS = [None, 3, "text", [], (1, 2, 3), object(), {"a": 1}, [None, 7], Truthless()]


@pytest.fixture
def register():
    """Registers a runtime with one loop and one task."""

    def make(**methods):
        class Errands(stackscope.Runtime):
            def loops(self, survey):
                return ["a shop"]

            def tasks(self, loop):
                return [task]

        for name, method in methods.items():
            setattr(Errands, name, method)
        stackscope.register_runtime("errands", "shop", [Errand], Errands)

    task = Errand()
    make.task = task
    yield make
    runtimes._runtimes.pop("errands", None)


@pytest.mark.parametrize(
    ("name", "answer"),
    share(itertools.product(METHODS, ANSWERS), 4),
    ids=lambda one: one if type(one) is str and one in METHODS else type(one).__name__,
)
def test_a_wrong_answer_costs_that_detail_only(name, answer, register):
    register(**{name: lambda self, *args: answer})
    drawn = str(extract_all())
    assert "shop" in drawn or name == "loops"
    assert extract_all(threads=False).format(ascii_only=True) is not None


@pytest.mark.parametrize("name", METHODS)
def test_an_error_costs_that_detail_only(name, register):
    def fail(self, *args):
        raise GeneratorExit

    register(**{name: fail})
    assert "shop" in str(extract_all()) or name == "loops"


def test_tasks_that_own_each_other_are_told_of_once(register):
    """No library makes such, but glue may err."""
    pair = [Errand(), Errand()]
    register(
        tasks=lambda self, loop: pair,
        owner=lambda self, task: ("a group", pair[task is pair[0]]),
    )
    nodes = [node for node in extract_all().tasks() if type(node.task) is Errand]
    assert sorted(id(node.task) for node in nodes) == sorted(map(id, pair))
    assert all(node.number > 0 for node in nodes)


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_stack_that_can_not_be_read_is_read_again(register, failures):
    """The task may have run on meanwhile, in another thread."""

    class Moving(Errand):
        reads = 0

    @stackscope.unwrap_stackitem.register(Moving)
    def unwrap(item):
        Moving.reads += 1
        if Moving.reads <= failures:
            raise LookupError("it moves")
        return generator

    generator = errand()
    next(generator)
    moving = Moving()
    register(tasks=lambda self, loop: [moving])
    [node] = [node for node in extract_all().tasks() if node.task is moving]
    assert node.stack.error is None
    assert [frame.funcname for frame in node.stack.frames] == ["errand"]
    assert Moving.reads == failures + 1


class Crew:
    """A group of tasks."""

    def __init__(self, members):
        self.members = members

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def lead(*crews):
    with crews[0], crews[1]:
        yield


def test_a_task_that_two_groups_claim_is_in_one_of_them(register):
    chief, member = Errand(), Errand()
    crews = Crew([member, chief]), Crew([member])
    generators = {id(chief): lead(*crews), id(member): errand()}

    @stackscope.unwrap_stackitem.register(Errand)
    def unwrap(item):
        return generators.get(id(item))

    @stackscope.elaborate_context.register(Crew)
    def tell_members(crew, context):
        context.children = [stackscope.extract_child(one, for_task=True) for one in crew.members]

    for generator in generators.values():
        next(generator)
    register(tasks=lambda self, loop: [chief, member])
    [top] = [node for node in extract_all().tasks() if node.task is chief]
    [below] = top.children
    assert below.task is member
    contexts = [context for frame in top.stack.frames for context in frame.contexts]
    claims = [(context.obj, one) for context in contexts for one in context.children]
    assert [crew for crew, one in claims if one is below.stack] == [below.owner]
    assert all(one is not top.stack for _, one in claims)  # it isn't inside of itself
    assert len(claims) == 3


def test_the_name_of_a_task_is_text(register):
    class Name(str):
        __slots__ = ()

        def __len__(self):
            raise ValueError("how long?")

        __str__ = __repr__ = __format__ = __len__

    register(task_name=lambda self, task: Name("an errand"))
    [node] = [node for node in extract_all().tasks() if node.task is register.task]
    assert type(node.name) is str
    assert node.name == "an errand"


def test_without_a_name_it_is_called_by_its_representation(register):
    register()
    [node] = [node for node in extract_all().tasks() if node.task is register.task]
    assert node.name == stackscope.lowlevel.safe_repr(register.task)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: type(one).__name__)
def test_a_finder_that_finds_nonsense(answer):
    stackscope.register_finder("thing", lambda: answer, lambda survey: answer)
    try:
        assert [item for item in extract_all().items if item.kind == "thing"] == []
    finally:
        del runtimes._finders["thing"]


def test_found_items_without_a_name():
    found = stackscope.FoundItem(errand(), None, "suspended")
    stackscope.register_finder("thing", list, lambda survey: [found])
    try:
        assert [item for item in extract_all().items if item.kind == "thing"] == []
    finally:
        del runtimes._finders["thing"]
