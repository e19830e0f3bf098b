"""What a function may still get from objects."""

from __future__ import annotations

from stackscope.interpreter.bytecode.ahead import attributes_ahead


def straight(a):
    a.first()
    yield
    a.second()


def loops(a):
    a.before()
    while a.again():
        a.first()
        yield
        a.second()


def branches(a):
    if a.one():
        yield
        return a.left()
    return a.right()


def cleans_up(a):
    try:
        a.first()
        yield
    finally:
        a.second()


async def iterates(a):
    async for _ in a:
        pass


def ahead_of(function, lasti=None):
    if lasti is None:
        generator = function(Anything())
        next(generator)
        lasti = generator.gi_frame.f_lasti
        generator.close()
    return attributes_ahead(function.__code__, lasti)


class Anything:
    def __getattr__(self, name):
        return lambda: True


def test_what_is_after_the_place():
    assert ahead_of(straight) == {"second"}
    assert ahead_of(branches) == {"left"}


def test_what_is_before_it_in_a_loop():
    assert ahead_of(loops) == {"again", "first", "second"}


def test_the_end_of_a_try():
    assert ahead_of(cleans_up) == {"second"}


def test_from_the_beginning():
    assert ahead_of(branches, 0) == {"one", "left", "right"}


def test_an_iteration_stands_for_its_method():
    assert "__anext__" in ahead_of(iterates, 0)
