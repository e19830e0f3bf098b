"""The table of all programs that are diagnosed, and what a diagnosis has to say of each.

A program is a function. What it runs in (asyncio, trio, plain threads …) is its runtime; some run
in several. Each run is a process of its own, see `tests.diagnosis.process`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys

from stackscope.interpreter.thread_clock import is_exact

CPYTHON = sys.implementation.name == "cpython"

PROVES_STILLNESS = is_exact()
"""Whether it can be proved that a thread hasn't run; else what concerns threads is likely."""

MODULES = (
    "planted.on_asyncio",
    "planted.on_trio",
    "planted.on_anyio",
    "planted.in_threads",
    "planted.blocked_loops",
    "planted.combined",
    "planted.further",
    "planted.on_gevent",
    "planted.examples",
    "healthy.on_asyncio",
    "healthy.wakers",
    "healthy.wakers_of_threads",
    "healthy.servers",
    "healthy.on_trio",
    "healthy.on_anyio",
    "healthy.in_threads",
    "healthy.moving",
    "healthy.on_gevent",
    "healthy.examples",
    "hostile.objects",
    "hostile.moments",
)

ASYNCIO = ("asyncio", "uvloop")
ANYIO = ("anyio-asyncio", "anyio-trio")

LIBRARIES = {
    "uvloop": "uvloop",
    "trio": "trio",
    "anyio-asyncio": "anyio",
    "anyio-trio": "anyio",
    "gevent": "gevent",
}
"""What has to be installed for a runtime."""


class Finding:
    """What one finding has to be like.

    Args:
        kind: Its kind.
        nodes: The names of the tasks and threads at its heart.
        words: What its text or advice must contain. ``"@name"`` stands for the file and line with
            the comment ``# @name``.
        certain: Whether it has to be certain; ``None`` if that can't be demanded.
        may_have: The names of those that may be counted to the heart, or not.
    """

    def __init__(self, kind, nodes, *words, certain=True, may_have=()):
        self.kind = kind
        self.nodes = frozenset(nodes)
        self.words = words
        self.certain = certain
        self.may_have = frozenset(may_have)

    def __repr__(self):
        sure = {True: "certain ", False: "likely ", None: ""}[self.certain]
        return f"{sure}{self.kind} of {', '.join(sorted(self.nodes))}"

    def is_like(self, found):
        """Whether a finding, as `tests.diagnosis.looking` writes it, is this one."""
        names = found["nodes"]
        is_as_sure = self.certain in (None, found["certain"])
        return (
            found["kind"] == self.kind
            and (is_as_sure or (not PROVES_STILLNESS and found["reason"] == "may have moved"))
            and len(set(names)) == len(names)
            and self.nodes <= set(names) <= self.nodes | self.may_have
        )


class Case:
    """One program.

    Args:
        function: What builds it.
        runtimes: What it can run in.
        findings: What has to be found; nothing in a healthy one.
        skip: Why it can't run on this interpreter, if so.
        behind: How many wait behind the findings, to be told in the text of the diagnosis.
        searched: Whether only a search of the heap tells it, which needs counted references.
    """

    def __init__(self, function, runtimes, findings, *, skip=None, behind=0, searched=False):
        self.function = function
        self.runtimes = (runtimes,) if isinstance(runtimes, str) else runtimes
        self.findings = findings
        self.skip = skip
        if not CPYTHON and (searched or any(one.kind == "abandoned" for one in findings)):
            self.skip = self.skip or "where references aren't counted, the heap isn't searched"
        self.behind = behind
        self.module = function.__module__
        self.name = f"{self.module.partition('.diagnosis.')[2]}.{function.__name__}"
        self.lines = None

    def words_of(self, finding):
        """The words of a `Finding`, with files and lines for those that stand for such."""
        return [self._place(word[1:]) if word[:1] == "@" else word for word in finding.words]

    def _place(self, mark):
        if self.lines is None:
            self.lines = places_in(sys.modules[self.module])
        return self.lines[mark]


def places_in(module):
    """The file and line of each ``# @name`` in a module: ``{"name": "file.py:7"}``."""
    path = inspect.getsourcefile(module)
    file = path.replace("\\", "/").rpartition("/")[2]
    found = {}
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            for mark in re.findall(r"# @(\w+)", line):
                assert mark not in found, f"# @{mark} stands twice in {file}"
                found[mark] = f"{file}:{number}"
    return found


PLANTED = []
HEALTHY = []


def planted(*findings, on, **options):
    """Make the decorated function a program that gets stuck; ``options`` as for `Case`."""

    def add(function):
        PLANTED.append(Case(function, on, findings, **options))
        return function

    return add


def healthy(*, on, skip=None):
    """Make the decorated function a program of which nothing must be found.

    It is called with ``look``, to be called when there is something to be looked at.
    """

    def add(function):
        HEALTHY.append(Case(function, on, (), skip=skip))
        return function

    return add


def deadlock(nodes, *words, **options):
    """What is expected of a closed circle; ``nodes`` are names with spaces between them."""
    return Finding("deadlock", nodes.split(), *words, **options)


def abandoned(nodes, *words, **options):
    """What is expected of somebody that nothing alive can wake."""
    return Finding("abandoned", nodes.split(), *words, **options)


def blocked(nodes, *words, **options):
    """What is expected of a task that blocks its loop; its thread may be named as well."""
    options.setdefault("may_have", ["MainThread"])
    return Finding("blocked loop", nodes.split(), *words, **options)


def load_all():
    """Fill the table."""
    for name in MODULES:
        importlib.import_module(f"tests.diagnosis.{name}")


def find(name):
    """The program with that name."""
    importlib.import_module(f"tests.diagnosis.{name.rpartition('.')[0]}")
    [case] = [case for case in PLANTED + HEALTHY if case.name == name]
    return case
