"""Small functions that say on every marked line which of their blocks are active there.

A line with ``mark()`` ends in a comment with the names of the managers that are active, outermost
first. `marked_lines` reads the comments; tests hold them against the analysis and against frames.

Each program defines ``program(cm)``, where ``cm(name)`` makes a manager, which may also be used
with ``async with``.
"""

from __future__ import annotations

import dis
import functools
import sys
import textwrap
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple


class Program(NamedTuple):
    """A program's name and source."""

    name: str
    source: str


def marked_lines(source: str) -> Dict[int, Tuple[str, ...]]:
    """For each line with ``mark()``: the names in its comment."""
    found = {}
    for number, line in enumerate(source.splitlines(), 1):
        code, _, comment = line.partition("#")
        if "mark()" in code:
            found[number] = tuple(comment.split("(")[0].split())
    return found


def lines_never_run(source: str) -> Set[int]:
    """Lines that the code may reach, for all that can be told from it, but that never run."""
    return {i for i, line in enumerate(source.splitlines(), 1) if line.endswith("(never)")}


@functools.lru_cache(maxsize=None)
def codes_of(source: str) -> List[Any]:
    """The code objects of a program: the same ones, with what is known of them, in all tests."""
    return functions_in(compile(source, "<program>", "exec"))


def functions_in(code: Any) -> List[Any]:
    """A code object and all that are nested in it."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            found += functions_in(constant)
    return found


def lines_of(code: Any) -> Dict[int, Optional[int]]:
    """The lines of a code object, by all offsets, as `dis` tells them."""
    starts = dict(dis.findlinestarts(code))
    line = None
    found = {}
    for offset in range(0, len(code.co_code), 2):
        line = found[offset] = starts.get(offset, line)
    return found


_SOURCES = {
    "nested": """
        def program(cm, mark):
            mark()  #
            with cm("a") as a:
                mark()  # a
                with cm("b") as b:
                    mark()  # a b
                mark()  # a
            mark()  #
    """,
    "several items": """
        def program(cm, mark):
            with cm("a") as a, cm("b") as b, cm("c") as c:
                mark()  # a b c
            mark()  #
    """,
    "loop": """
        def program(cm, mark):
            for i in range(4):
                with cm("a") as a:
                    mark()  # a
                    if i == 0:
                        continue
                    with cm("b") as b:
                        mark()  # a b
                        if i == 2:
                            break
                    mark()  # a
            else:
                mark()  # (never)
            mark()  #
    """,
    "while": """
        def program(cm, mark):
            again = True
            while again:
                with cm("a") as a:
                    again = False
                    mark()  # a
            else:
                mark()  #
    """,
    "return": """
        def program(cm, mark):
            with cm("a") as a:
                for i in range(3):
                    with cm("b") as b:
                        if i:
                            return mark()  # a b
                        mark()  # a b
    """,
    "try": """
        def program(cm, mark):
            with cm("a") as a:
                try:
                    with cm("b") as b:
                        mark()  # a b
                        raise ValueError
                except ValueError as exc:
                    mark()  # a
                    with cm("c") as c:
                        mark()  # a c
                else:
                    mark()  # a (never)
                finally:
                    mark()  # a
                    with cm("d") as d:
                        mark()  # a d
            mark()  #
    """,
    "finally while returning": """
        def program(cm, mark):
            for i in range(2):
                with cm("a") as a:
                    try:
                        with cm("b") as b:
                            if i:
                                return
                            continue
                    finally:
                        mark()  # a
                        with cm("c") as c:
                            mark()  # a c
    """,
    "finally while raising": """
        def program(cm, mark):
            try:
                with cm("a") as a:
                    try:
                        with cm("b") as b:
                            raise ValueError
                    finally:
                        mark()  # a
            except ValueError:
                mark()  #
    """,
    "swallowed": """
        def program(cm, mark):
            with cm("swallow") as swallow:
                with cm("a") as a:
                    raise ValueError
                mark()  # swallow (never)
            mark()  #
    """,
    "raised in a handler": """
        def program(cm, mark):
            with cm("swallow") as swallow:
                try:
                    raise ValueError
                except ValueError:
                    with cm("a") as a:
                        mark()  # swallow a
                        raise KeyError
                finally:
                    mark()  # swallow
            mark()  #
    """,
    "operands on the stack": """
        def program(cm, mark):
            with cm("a") as a:
                for x in [1, 2]:
                    for y in (3,):
                        with cm("b") as b:
                            print(x, [x, mark()], file=None) if x < 0 else (y, (y, mark()))  # a b
    """,
    "comprehension": """
        def program(cm, mark):
            with cm("a") as a:
                found = [x for x in range(3) if x]
                mark()  # a
            mark()  #
    """,
    "generator": """
        def inner(cm, mark):
            with cm("a") as a:
                mark()  # a
                yield
                mark()  # a
                with cm("b") as b:
                    yield 1, (yield 2)
                    mark()  # a b
        def program(cm, mark):
            with cm("c") as c:
                for _ in inner(cm, mark):
                    mark()  # c
    """,
    "yield from": """
        def inner(cm, mark):
            with cm("a") as a:
                yield
        def outer(cm, mark):
            with cm("b") as b:
                yield from inner(cm, mark)
                mark()  # b
        def program(cm, mark):
            for _ in outer(cm, mark):
                mark()  #
    """,
    "async": """
        async def inner(cm, mark):
            async with cm("a") as a, cm("b") as b:
                mark()  # a b
                with cm("c") as c:
                    mark()  # a b c
                    return 1
        async def program(cm, mark):
            async with cm("d") as d:
                await inner(cm, mark)
                mark()  # d
            mark()  #
    """,
    "async loop": """
        async def numbers(cm, mark):
            async with cm("a") as a:
                for i in range(3):
                    mark()  # a
                    yield i
        async def program(cm, mark):
            async with cm("b") as b:
                async for i in numbers(cm, mark):
                    async with cm("c") as c:
                        mark()  # b c
                        if i == 1:
                            continue
                    mark()  # b
                else:
                    mark()  # b
                found = [i async for i in numbers(cm, lambda: None)]
                mark()  # b
            mark()  #
    """,
    "async swallowed": """
        async def program(cm, mark):
            async with cm("swallow") as swallow:
                async with cm("a") as a:
                    raise ValueError
                mark()  # swallow (never)
            mark()  #
    """,
    "async finally": """
        async def program(cm, mark):
            for i in range(3):
                async with cm("a") as a:
                    try:
                        async with cm("b") as b:
                            mark()  # a b
                            if i == 1:
                                break
                    finally:
                        mark()  # a
            mark()  #
    """,
    "class body": """
        def program(cm, mark):
            class Inside:
                with cm("a") as a:
                    mark()  # a
                    class Deeper:
                        with cm("b") as b:
                            mark()  # b
                        mark()  #
    """,
    "closure": """
        def program(cm, mark):
            with cm("a") as a:
                def inner():
                    with cm("b") as b:
                        mark()  # b
                        return a
                inner()
                mark()  # a
    """,
    "swap of names": """
        def program(cm, mark):
            with cm("a") as a:
                x = y = z = 1
                x, y = y, x
                x, y, z = z, x, y
                x = y = (z, mark())  # a
                assert 0 < z == 1 < 2
                mark()  # a
    """,
    "tuple target": """
        def program(cm, mark):
            with cm("a") as a, cm("b") as b:
                (x, *_, y, y, y), z = [range(9), 4]
                d = {"k": [1]}
                d["k"][0] += 1
                mark()  # a b
    """,
}
_SOURCES_310 = {
    "match": """
        def program(cm, mark):
            for subject in [1, [1, 2], {"k": 3}, "s"]:
                with cm("a") as a:
                    match subject:
                        case int():
                            mark()  # a
                        case [x, *rest]:
                            with cm("b") as b:
                                mark()  # a b
                        case {"k": value, **rest} if mark() or True:  # a
                            continue
                        case _:
                            mark()  # a
                            break
                    mark()  # a
    """,
    "in parentheses": """
        def program(cm, mark):
            with (
                cm("a") as a,
                cm("b") as b,
            ):
                mark()  # a b
    """,
}
_SOURCES_311 = {
    "groups": """
        def program(cm, mark):
            with cm("a") as a:
                try:
                    with cm("b") as b:
                        raise ExceptionGroup("", [ValueError(), KeyError()])
                except* ValueError:
                    mark()  # a
                    with cm("c") as c:
                        mark()  # a c
                except* KeyError as exc:
                    mark()  # a
                finally:
                    mark()  # a
                mark()  # a
    """,
}
_EXTENDED = "\n".join(f"                x = {i}.5" for i in range(300))
_SOURCES["extended arguments"] = f"""
        def program(cm, mark):
            with cm("a") as a:
{_EXTENDED}
                with cm("b") as b:
                    mark()  # a b
                mark()  # a
"""


def _programs() -> List[Program]:
    sources = dict(_SOURCES)
    if sys.version_info >= (3, 10):
        sources.update(_SOURCES_310)
    if sys.version_info >= (3, 11):
        sources.update(_SOURCES_311)
    return [Program(name, textwrap.dedent(text).lstrip()) for name, text in sources.items()]


PROGRAMS = _programs()
