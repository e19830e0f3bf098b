"""Bad addresses are answers, and not crashes."""

from __future__ import annotations

import ctypes
import functools
import gc
import mmap
import os
import sys
import threading
from typing import Any, Iterator, List, Tuple

import pytest

pytest.importorskip("ctypes")
if sys.implementation.name != "cpython":
    pytest.skip("memory is read on CPython only", allow_module_level=True)

from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.frames import liveness
from stackscope.interpreter.frames.copying import Region, copy_of
from stackscope.interpreter.frames.liveness import CALLABLE, Proof, all_hold, look_at

PAGE = mmap.PAGESIZE


class Plain:
    def method(self) -> None: ...


class Slim:
    """Without anything that the collector would have to know."""

    __slots__ = ()

    def __call__(self) -> None: ...


@pytest.fixture
def hole() -> Iterator[Tuple[int, int]]:
    """The addresses of two pages: one that is mapped, and one behind it that isn't any more."""
    if sys.platform == "win32":
        pytest.skip("unmapping a page takes mmap and munmap")
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    size, offset = ctypes.c_size_t, ctypes.c_long
    library.mmap.argtypes = [ctypes.c_void_p, size, *[ctypes.c_int] * 3, offset]
    library.munmap.argtypes = [ctypes.c_void_p, size]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANON
    start = library.mmap(None, 2 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    assert start not in (None, ctypes.c_void_p(-1).value)
    assert library.munmap(start + PAGE, PAGE) == 0
    yield start, start + PAGE
    library.munmap(start, PAGE)


#: What is no address of a process, or not of this one.
BAD = [0, 1, 7, 8, 64, PAGE - 1, 1 << 20, (1 << 47) - 8, 1 << 47, 1 << 56, (1 << 63) - 1]
BAD += [1 << 63, (1 << 64) - PAGE, (1 << 64) - 8, (1 << 64) - 1]


@pytest.mark.parametrize("address", BAD)
@pytest.mark.parametrize("size", [1, 8, 200])
def test_a_bad_address(address: int, size: int) -> None:
    copy = copy_of([Region(address, size)])
    assert copy is not None
    assert copy.seen is None
    assert list(copy.is_unchanged()) == []
    assert not look_at(address).in_use
    assert not look_at(address, CALLABLE).in_use


def test_one_bad_region_of_several(hole: Tuple[int, int]) -> None:
    good, bad = hole
    ctypes.memset(good, 7, PAGE)
    copy = copy_of([Region(good, 3), Region(good + 100, 2)])
    assert copy is not None and copy.seen == b"\7" * 5
    for regions in ([(good, 3), (bad, 3)], [(bad, 3), (good, 3)], [(good, 3), (bad - 2, 4)]):
        copy = copy_of([Region(*region) for region in regions])
        assert copy is not None and copy.seen is None, regions


def test_the_end_of_what_is_mapped(hole: Tuple[int, int]) -> None:
    _, bad = hole
    for distance in range(-80, 80, 8):
        assert not look_at(bad + distance).type


def test_what_changes() -> None:
    memory = ctypes.create_string_buffer(b"before")
    copy = copy_of([Region(ctypes.addressof(memory), 6)])
    assert copy is not None and copy.seen == b"before"
    assert list(copy.is_unchanged()) == [True]
    memory.value = b"after"
    assert list(copy.is_unchanged()) == [False]


def test_in_a_child_process() -> None:
    """The copy is of its own memory, not of its parent's."""
    if not hasattr(os, "fork"):
        pytest.skip("this system can't fork")
    memory = ctypes.create_string_buffer(b"parent")
    child = os.fork()
    if not child:
        memory.value = b"child!"
        copy = copy_of([Region(ctypes.addressof(memory), 6)])
        os._exit(0 if copy is not None and copy.seen == b"child!" else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0


LIVING: List[Any] = [
    Plain().method,
    threading.Lock().__exit__,
    [].__str__,
    functools.partial(print),
    Plain(),
    Slim(),
    [1],
    Plain,
    lambda: None,
]


@pytest.mark.parametrize("thing", LIVING, ids=lambda thing: type(thing).__name__)
def test_what_is_alive(thing: object) -> None:
    proof = look_at(id(thing))
    assert proof.in_use
    assert proof.type == id(type(thing))
    assert list(proof.holds()) == [True]
    assert look_at(id(thing), CALLABLE).in_use is callable(thing)


@pytest.mark.skipif(FREE_THREADED, reason="only what the collector knows is found")
@pytest.mark.parametrize(
    "thing",
    [5, 1.5, "text", b"bytes", object(), int, ()],
    ids=lambda thing: type(thing).__name__,
)
def test_what_the_collector_does_not_track(thing: object) -> None:
    proof = look_at(id(thing), CALLABLE)
    assert not proof.type
    assert proof.in_use is callable(thing)


def test_what_is_the_newest() -> None:
    """An object that stands last in the collector's list, where others come and go behind it."""
    gc.disable()  # a collection in between moves it, and then nothing is claimed
    try:
        for _ in range(100):
            thing = Plain().method
            proof = look_at(id(thing))
            assert proof.type == id(type(thing))
            assert list(proof.holds()) == [True]
    finally:
        gc.enable()


def test_what_is_in_another_generation() -> None:
    thing = Plain().method
    for _ in range(4):
        gc.collect()
        assert look_at(id(thing)).type == id(type(thing))


def test_what_is_frozen(unfrozen) -> None:
    thing = Plain().method
    gc.collect()
    gc.freeze()
    assert look_at(id(thing)).in_use


def test_what_has_been_freed() -> None:
    """A thousand times, among things that come and go."""
    kept = []
    for number in range(1000):
        thing = Plain().method
        address, method = id(thing), type(thing)
        proof = look_at(address)
        del thing
        assert list(proof.holds()) != [True]
        again = look_at(address, CALLABLE)
        # If there is something, it is something else, and that is alive.
        assert again.type != id(method)
        kept.append([number] * (number % 9))


def test_several_at_once() -> None:
    one, two = Plain().method, Plain().method
    proofs = [look_at(id(one)), look_at(id(two))]
    assert list(all_hold(proofs)) == [True]
    assert list(all_hold([])) == [True]
    del two
    assert list(all_hold(proofs)) == [False]


def test_what_is_found_by_the_collector_alone() -> None:
    """Where memory can't be copied."""
    one = [[0]]
    proof = liveness._in_heap(id(one))
    assert (proof.in_use, proof.type) == (True, id(list))
    assert list(all_hold([proof])) == [True]
    assert any(proof.references())


@pytest.mark.parametrize("count", [0, 1])
def test_what_is_being_freed_has_no_references(count: int) -> None:
    proof = Proof(True, id(list), count=ctypes.c_size_t(count))
    assert any(proof.references()) == bool(count)
