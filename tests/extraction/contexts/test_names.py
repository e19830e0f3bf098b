"""What a context manager is called: the name or the expression that it was stored in."""

from __future__ import annotations

import sys

import pytest

from stackscope.extraction import contexts
from stackscope.lowlevel import contexts_active_in_frame
from tests.extraction.contexts.programs import Manager, _here, _of_caller


def _of_caller_by_the_short_way(monkeypatch):
    frame = sys._getframe(1)
    with monkeypatch.context() as patch:
        patch.setattr(contexts, "_read", None)
        return contexts_active_in_frame(frame)


class TestNames:
    """`Context.varname` of blocks without ``as``, and of targets that hold something else."""

    def test_a_local_that_holds_the_manager(self):
        manager = Manager()
        with manager:
            [context] = _here()
        assert context.varname == "manager"

    def test_the_first_local_wins(self):
        first = second = Manager()
        with second:
            [context] = _here()
        assert context.varname == "first"
        assert first is second

    def test_none_holds_it(self):
        with Manager():
            [context] = _here()
        assert context.varname is None

    def test_by_identity(self):
        class Equal(Manager):
            def __eq__(self, other):
                raise AssertionError("was compared")

            __hash__ = None

        other, manager = Equal(), Equal()
        with manager:
            [context] = _here()
        assert context.varname == "manager"
        assert other

    def test_an_argument(self):
        def program(argument):
            with argument:
                return _here()

        [context] = program(Manager())
        assert context.varname == "argument"

    def test_an_argument_that_is_a_cell(self):
        def program(argument):
            def inner():
                return argument

            with argument:
                return _here()

        [context] = program(Manager())
        assert context.varname == "argument"

    def test_a_free_variable(self):
        manager = Manager()

        def program():
            with manager:
                return _here()

        [context] = program()
        assert context.varname == "manager"

    @pytest.mark.skipif(
        sys.implementation.name != "cpython", reason="only CPython's frames are read from memory"
    )
    def test_the_short_way_tells_it_if_there_are_cells(self, monkeypatch):
        manager, other = Manager(), Manager()

        def program():
            with Manager():
                with other:
                    return _of_caller_by_the_short_way(monkeypatch)

        assert [one.varname for one in program()] == [None, "other"]
        assert manager

    def test_a_cell_whose_cell_object_is_a_variable_too(self):
        manager = Manager()

        def inner():
            return manager

        [cell] = inner.__closure__
        with manager:
            [context] = _here()
        assert context.varname == "manager"
        assert cell

    def test_deleted_in_the_meantime(self):
        manager = Manager()
        with manager:
            del manager
            [context] = _here()
        assert context.varname is None

    def test_bound_in_the_meantime(self):
        with Manager():
            [context] = _here()
            late = context.obj
            [context] = _here()
        assert context.varname == "late"

    def test_the_target_counts_even_if_it_holds_something_else(self):
        class Other(Manager):
            def __enter__(self):
                return 42

        manager = Other()
        with manager as number:
            [context] = _here()
        assert context.varname == "number"
        assert context.obj is manager

    def test_a_target_that_was_rebound(self):
        with Manager() as manager:
            manager = None
            [context] = _here()
        assert context.varname == "manager"
        assert type(context.obj) is Manager

    def test_a_target_that_can_not_be_written_back(self):
        slots = {}
        manager = Manager()
        with manager as slots["a" + str(1)]:
            [context] = _here()
        assert context.varname is None

    def test_at_module_level(self):
        namespace = {"manager": Manager(), "here": _here}
        exec("other = manager\nwith manager:\n  found = here()\n", namespace)
        [context] = namespace["found"]
        assert context.varname == "manager"

    def test_globals_are_not_locals(self):
        namespace = {"manager": Manager(), "here": _here}
        exec("def f():\n  with manager:\n    return here()\nfound = f()\n", namespace)
        [context] = namespace["found"]
        assert context.varname is None

    def test_at_class_level(self):
        class Program:
            manager = Manager()
            with manager:
                [context] = _here()

        assert Program.context.varname == "manager"

    def test_at_class_level_with_a_cell(self):
        class Program:
            manager = Manager()
            with manager:
                [context] = _here()

            def method(self):
                return super().__repr__()

        assert Program.context.varname == "manager"

    def test_in_a_generator(self):
        def program(manager):
            with manager:
                yield

        generator = program(Manager())
        next(generator)
        [context] = contexts_active_in_frame(generator.gi_frame, generator)
        assert context.varname == "manager"

    def test_while_exiting(self):
        found = []

        class Noting(Manager):
            def __exit__(self, *exc):
                found.extend(_of_caller())

        manager = Noting()
        with manager:
            pass
        [context] = found
        assert (context.obj, context.is_exiting, context.varname) == (manager, True, "manager")
