"""Contexts of suspended frames through public interfaces."""

from __future__ import annotations

import sys
import threading

import pytest

from stackscope.interpreter.frames.public_only import FoundExit, exits_in
from stackscope.lowlevel import contexts_active_in_frame, set_trickery_enabled
from tests.helpers.managers import Manager, pause

cpython_only = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="says what CPython's collector shows"
)


@cpython_only
def test_exits_in_a_generator():
    def program():
        with first, second:
            yield

    first, second = Manager(), threading.Lock()
    generator = program()
    next(generator)
    assert exits_in(generator, generator.gi_frame) == [
        FoundExit(first, False),
        FoundExit(second, False),
    ]


@cpython_only
def test_exits_in_a_coroutine():
    async def program():
        async with first:
            with first:
                await pause()

    first = Manager()
    coroutine = program()
    coroutine.send(None)
    assert exits_in(coroutine, coroutine.cr_frame) == [
        FoundExit(first, True),
        FoundExit(first, False),
    ]
    coroutine.close()


@cpython_only
def test_exits_in_an_async_generator():
    async def program():
        async with first:
            yield

    first = Manager()
    generator = program()
    with pytest.raises(StopIteration):
        generator.asend(None).send(None)
    assert exits_in(generator, generator.ag_frame) == [FoundExit(first, True)]
    with pytest.raises(StopIteration):
        generator.aclose().send(None)


def test_nothing_to_find():
    def program():
        yield

    generator = program()
    next(generator)
    assert exits_in(generator, generator.gi_frame) == []
    generator.close()


@pytest.mark.parametrize("depth", [0, 1, 2])
@cpython_only
def test_only_as_many_as_the_code_says(depth):
    """Variables may hold exit methods, too; they come before the stack."""

    def program():
        decoy, other = decoys[0].__exit__, decoys[1].__exit__
        if depth == 0:
            yield decoy, other
        with managers[0]:
            if depth == 1:
                yield
            with managers[1]:
                yield

    set_trickery_enabled(False)
    decoys = Manager(), Manager()
    managers = Manager(), Manager()
    generator = program()
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    assert [context.obj for context in found] == list(managers)[:depth]


@cpython_only
def test_operands_on_the_stack():
    def program():
        with managers[0]:
            [managers[1], (yield), 1]

    set_trickery_enabled(False)
    managers = Manager(), Manager()
    generator = program()
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    assert [context.obj for context in found] == [managers[0]]


@cpython_only
@pytest.mark.parametrize("with_origin", [True, False])
def test_without_an_origin(with_origin):
    """Up to 3.10 the frame refers to its stack; from 3.11 on its generator does."""

    def program():
        with manager:
            yield

    set_trickery_enabled(False)
    manager = Manager()
    generator = program()
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator if with_origin else None)
    if with_origin or sys.version_info < (3, 11):
        assert [context.obj for context in found] == [manager]
    else:
        assert found == [] or [context.obj for context in found] == [manager]


@cpython_only
def test_a_finished_frame():
    def program():
        with Manager():
            yield sys._getframe()

    set_trickery_enabled(False)
    frame = next(program())
    assert contexts_active_in_frame(frame) == []


@pytest.mark.skipif(sys.implementation.name == "cpython", reason="says what other interpreters do")
def test_elsewhere_there_are_none():
    """Not even such as could be guessed: neither of running frames nor of suspended ones."""

    def suspended():
        with Manager() as manager:
            yield manager

    set_trickery_enabled(False)
    generator = suspended()
    next(generator)
    assert contexts_active_in_frame(generator.gi_frame, generator) == []
    assert contexts_active_in_frame(generator.gi_frame) == []
    with Manager() as manager:
        assert contexts_active_in_frame(sys._getframe()) == []
        assert manager is not None


class _Slow(Manager):
    async def __aexit__(self, *exc):
        await pause()


@cpython_only
@pytest.mark.parametrize("fails", [False, True])
def test_a_suspended_exit(fails):
    """The exit method that is awaited leads to its manager, whatever has called it."""

    async def program():
        async with outer:
            async with inner:
                if fails:
                    raise ValueError

    outer, inner = _Slow(), _Slow()
    coroutine = program()
    coroutine.send(None)
    set_trickery_enabled(False)
    found = contexts_active_in_frame(coroutine.cr_frame, coroutine)
    shown = [(context.obj, context.is_async, context.is_exiting) for context in found]
    assert shown == [(outer, True, False), (inner, True, True)]
    with pytest.raises(ValueError if fails else StopIteration):
        for _ in range(10):
            coroutine.send(None)


@cpython_only
def test_a_suspended_exit_in_an_async_generator():
    async def program():
        async with manager:
            pass
        yield

    manager = _Slow()
    generator = program()
    step = generator.asend(None)
    step.send(None)
    set_trickery_enabled(False)
    found = contexts_active_in_frame(generator.ag_frame, generator)
    shown = [(context.obj, context.is_async, context.is_exiting) for context in found]
    assert shown == [(manager, True, True)]
    with pytest.raises(StopIteration):
        step.send(None)
