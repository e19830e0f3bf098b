"""Random expressions: calls of probes while the value stack holds other things."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from typing import Any, List


@dataclass
class Scope:
    """What the text being written may do where it stands."""

    kind: str
    is_async: bool = False
    can_yield: bool = False
    can_yield_from: bool = False
    makes_async_generator: bool = False
    in_loop: bool = False
    #: Not so in an `except*` handler.
    may_return: bool = True
    depth: int = 0
    #: Local names that are bound for certain.
    names: List[str] = field(default_factory=list)
    #: Additional names to assign to: globals, free variables, attributes.
    targets: List[str] = field(default_factory=list)

    @property
    def is_class(self) -> bool:
        """Names of a class body can't be seen from lambdas and comprehensions in it."""
        return self.kind == "class"

    @property
    def is_manager(self) -> bool:
        """Generators for managers must yield exactly once."""
        return self.kind in ("manager", "async manager")

    def inside(self, **changes: Any) -> Scope:
        """The scope of a suite in this one."""
        return dataclasses.replace(self, depth=self.depth + 1, **changes)


#: The scope of lambdas and comprehensions: nothing to suspend with, no names.
_BARE = Scope(kind="bare")


class Expressions:
    """The part of the writer that writes expressions."""

    rng: random.Random
    functions: List[Any]

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def condition(self, scope: Scope) -> str:
        """Something true or false at random, which ends when the fuel is spent."""
        kind = self.rng.randrange(8)
        if kind == 0:
            return f"c() and last({self.expression(scope, 1)}, c())"
        if kind == 1:
            return "c() and not c()"
        if kind == 2:
            return "(0 < p() < 2 and c())"
        return "c()"

    def iterable(self, scope: Scope) -> str:
        """Something to iterate over, which ends when the fuel is spent."""
        generators = [f.name for f in self.functions if f.kind == "generator"]
        if generators and self._chance(0.4):
            return self._called(generators, "nothing")
        return "r(2)" if self._chance(0.7) else "(p() for _ in r(2))"

    def async_iterable(self) -> str:
        """Something for `async for`."""
        generators = [f.name for f in self.functions if f.kind == "async generator"]
        return self._called(generators, "anothing")

    def awaitable(self) -> str:
        """Something to await."""
        coroutines = [f.name for f in self.functions if f.kind.endswith("coroutine")]
        if coroutines and self._chance(0.4):
            return self._called(coroutines, "conothing")
        return f"sus({self.rng.randrange(3)})"

    def _called(self, names: List[str], instead: str) -> str:
        """Call one of the program's functions while there's fuel, else `instead`."""
        if not names:
            return f"k({instead}())"
        return f"k(({self.rng.choice(names)} if go() else {instead})())"

    def expression(self, scope: Scope, depth: int = 2) -> str:
        """A random expression without string constants (so that f-strings can hold it)."""
        if depth <= 0 or self._chance(0.15):
            return self._leaf(scope)
        writers: List[Any] = [
            self._call,
            self._call,
            self._display,
            self._fstring,
            self._comparison,
            self._operator,
            self._choice,
            self._subscript,
            self._comprehension,
            self._lambda,
            self._leaf,
            self._program_call,
        ]
        if not scope.is_class and scope.kind != "bare":
            writers.append(self._walrus)
        if scope.can_yield or scope.makes_async_generator:
            writers += [self._yield] * 4
        if scope.can_yield_from:
            writers += [self._yield_from] * 2
        if scope.is_async:
            writers += [self._await] * 5 + [self._async_comprehension]
        text: str = self.rng.choice(writers)(scope, depth - 1)
        return text

    def _leaf(self, scope: Scope, depth: int = 0) -> str:
        if scope.names and self._chance(0.2):
            return self.rng.choice(scope.names)
        if self._chance(0.1):
            return "boom()"
        return "p()" if self._chance(0.8) else "1"

    def _some(self, scope: Scope, depth: int, most: int = 3) -> List[str]:
        return [self.expression(scope, depth) for _ in range(self.rng.randint(1, most))]

    def _call(self, scope: Scope, depth: int) -> str:
        arguments = self._some(scope, depth)
        kind = self.rng.randrange(5)
        if kind == 0:
            arguments.append(f"*[{self.expression(scope, depth)}]")
        elif kind == 1:
            arguments.append(f"key={self.expression(scope, depth)}")
        elif kind == 2:
            arguments.append(f"**dict(q={self.expression(scope, depth)})")
        function = self.rng.choice(("h", "h", "ns.h", "fn().h", "last"))
        return f"{function}({', '.join(arguments)})"

    def _display(self, scope: Scope, depth: int) -> str:
        values = self._some(scope, depth)
        kind = self.rng.randrange(5)
        if kind == 0:
            return f"[{', '.join(values)}]"
        if kind == 1:
            return f"({', '.join(values)}, *[{self.expression(scope, depth)}])"
        pairs = ", ".join(f"{n}: {value}" for n, value in enumerate(values))
        if kind == 2:
            return f"({{{pairs}}})"
        if kind == 3:
            return f"({{**{{9: p()}}, {pairs}}})"
        return f"[*({', '.join(values)},), p()]"

    def _fstring(self, scope: Scope, depth: int) -> str:
        # No f-string in an f-string: the quotes would clash before 3.12.
        values = [v for v in self._some(scope, depth) if "'" not in v]
        return "f'a" + "b".join(f"{{({value})!r}}" for value in values) + "'"

    def _comparison(self, scope: Scope, depth: int) -> str:
        operators = ("is", "is not", "==", "!=")
        text = self.expression(scope, depth)
        for value in self._some(scope, depth, 2):
            text = f"{text} {self.rng.choice(operators)} {value}"
        return f"({text})"

    def _operator(self, scope: Scope, depth: int) -> str:
        operator = self.rng.choice(("+", "-", "*"))
        return f"(h({self.expression(scope, depth)}) {operator} h({self.expression(scope, depth)}))"

    def _choice(self, scope: Scope, depth: int) -> str:
        one, two = self.expression(scope, depth), self.expression(scope, depth)
        kind = self.rng.randrange(4)
        if kind == 0:
            return f"({one} if {self.condition(scope)} else {two})"
        if kind == 1:
            return f"({one} and {two})"
        if kind == 2:
            return f"({one} or {two})"
        return f"(not {one})"

    def _subscript(self, scope: Scope, depth: int) -> str:
        if self._chance(0.5):
            return f"[{self.expression(scope, depth)}, p()][p()]"
        return f"[1, {self.expression(scope, depth)}, 3][p():h({self.expression(scope, depth)})]"

    def _comprehension(self, scope: Scope, depth: int) -> str:
        element = self.expression(_BARE, depth)
        kind = self.rng.randrange(5)
        if kind == 0:
            return f"[{element} for _ in r(2) if c()]"
        if kind == 1:
            return f"({{p(): {element} for _ in r(2)}})"
        if kind == 2:
            return f"list({element} for _ in r(2))"
        if kind == 3:
            return f"[[{element}, j_] for j_ in k(p() for i_ in r(2))]"
        return f"[{element} for j_ in r(2) for i_ in [p()]]"

    def _async_comprehension(self, scope: Scope, depth: int) -> str:
        kind = self.rng.randrange(3)
        if kind == 0:
            return f"[[p(), j_] async for j_ in {self.async_iterable()}]"
        if kind == 1:
            return f"[(p(), await {self.awaitable()}) for _ in r(2)]"
        return f"({{p(): j_ async for j_ in {self.async_iterable()} if c()}})"

    def _lambda(self, scope: Scope, depth: int) -> str:
        body = self.expression(_BARE, depth)
        if self._chance(0.3):
            return f"list(k((lambda: (yield {body}))()))"
        return f"(lambda a={self.expression(scope, depth)}: (a, {body}))()"

    def _walrus(self, scope: Scope, depth: int) -> str:
        return f"(z := {self.expression(scope, depth)})"

    def _program_call(self, scope: Scope, depth: int) -> str:
        function = self.rng.choice(self.functions)
        if function.kind == "function":
            return f"({function.name}() if go() else p())"
        if function.kind.endswith("manager"):
            return "p()"
        return f"(drive(k({function.name}())) if go() else p())"

    def _yield(self, scope: Scope, depth: int) -> str:
        if scope.is_manager:
            return self._leaf(scope)
        return f"(yield {self.expression(scope, depth)})"

    def _yield_from(self, scope: Scope, depth: int) -> str:
        generators = [f.name for f in self.functions if f.kind == "generator"]
        coroutines = [f.name for f in self.functions if f.kind.endswith("coroutine")]
        if scope.kind == "legacy coroutine" and coroutines and self._chance(0.5):
            return f"(yield from {self._called(coroutines, 'conothing')})"
        return f"(yield from {self._called(generators, 'nothing')})"

    def _await(self, scope: Scope, depth: int) -> str:
        return f"(await {self.awaitable()})"
