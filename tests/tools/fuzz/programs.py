"""Writes random Python programs, with and without suspension, full of `with` blocks.

A program is source text plus the facts about its `with` items that its managers cannot log:
line, target and normal form of the target. Every simple statement has a line of its own; only
the headers of `with` statements span several.

Names that the text uses are those of `runtime.Runtime.namespace`.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .expressions import Expressions, Scope
from .targets import Target, random_target

#: `with (a as b, c as d):` is understood by the parser since 3.9 (official in 3.10).
PARENTHESISED_WITH = sys.version_info >= (3, 9)
MATCH = sys.version_info >= (3, 10)
EXCEPT_STAR = sys.version_info >= (3, 11)
# PyPy 3.11 dies of an assertion in its compiler if a `return` leaves `try … except* … finally`.
EXCEPT_STAR_WITH_FINALLY = sys.implementation.name == "cpython"

SYNC_KINDS = (
    *("Plain",) * 6,
    *("ThreeArguments", "SelfInCell", "Inherited", "Slots", "Wrapped", "Returner", "Stack"),
    *("Hostile", "OfMetaclass", "SelfDeleted", "StarArguments", "ClosedInC"),
    *("StaticExit", "CallableExit", "PartialExit", "ClassExit"),
    *("Lock", "RLock", "Condition"),
)
#: Of these the activity is known only from their own state. They are noted when they are made,
#: so nothing may be entered between that and their own enter.
STATE_KINDS = ("Lock", "RLock", "Condition")
ASYNC_KINDS = (
    *("AsyncPlain",) * 6,
    *("AsyncHostile", "AsyncReturnsCoroutine", "AsyncAwaitable", "AsyncIterable"),
    *("AsyncLegacy", "AsyncStack", "AsyncStatic", "AsyncInherited", "AsyncSelfInCell"),
)


class Block(NamedTuple):
    """The static facts of one `with` item."""

    line: int
    is_async: bool
    has_target: bool
    varname: Optional[str]
    #: What enter must return: None for anything, else the shapes to unpack.
    shape: Any
    #: Whether a local may hold the manager.
    may_be_held: bool


class Function(NamedTuple):
    """A top-level function of a program."""

    name: str
    kind: str


@dataclass
class Program:
    """One random program."""

    seed: int
    source: str
    blocks: Dict[int, Block]
    #: (line of the statement, index of the item) → block id.
    item_blocks: Dict[Tuple[int, int], int]
    functions: List[Function]

    @property
    def filename(self) -> str:
        """The file name that its code objects carry."""
        return f"<fuzz program {self.seed}>"


#: Kinds of functions: prefix of the name, definition, decorator.
KINDS = {
    "function": ("f", "def", ""),
    "generator": ("g", "def", ""),
    "coroutine": ("co", "async def", ""),
    "async generator": ("ag", "async def", ""),
    "legacy coroutine": ("lc", "def", "@legacy"),
    "manager": ("cm", "def", "@manager"),
    "async manager": ("acm", "async def", "@async_manager"),
}
_WEIGHTED_KINDS = [
    *["function"] * 3,
    *["generator"] * 3,
    *["coroutine"] * 4,
    *["async generator"] * 2,
    *["legacy coroutine", "manager", "async manager"],
]


def write_program(seed: int, size: int = 40) -> Program:
    """Write a random program.

    Args:
        seed: The same seed gives the same program (on one version of Python).
        size: About how many statements it has.
    """
    return _Writer(seed, size).write()


@dataclass
class _Writer(Expressions):
    """State while a program is being written."""

    seed: int
    size: int
    rng: random.Random = field(init=False)
    functions: List[Function] = field(default_factory=list)
    lines: List[str] = field(default_factory=list)
    blocks: Dict[int, Block] = field(default_factory=dict)
    item_blocks: Dict[Tuple[int, int], int] = field(default_factory=dict)
    indent: int = 0
    budget: int = 0
    serial: int = 0

    def write(self) -> Program:
        self.rng = random.Random(self.seed)
        count = max(2, self.size // 7)
        for number in range(count):
            kind = self.rng.choice(_WEIGHTED_KINDS)
            self.functions.append(Function(f"{KINDS[kind][0]}{number}", kind))
        share = max(3, self.size // (count + 1))
        for function in self.functions:
            self.budget = self.rng.randint(share // 2, share * 3 // 2)
            self._function(function.name, function.kind)
        self.budget = share
        self._module_level()
        return Program(
            self.seed,
            "\n".join(self.lines) + "\n",
            self.blocks,
            self.item_blocks,
            self.functions,
        )

    # ---------------------------------------------------------------- scopes

    def _emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def _fresh(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def _function(self, name: str, kind: str) -> None:
        _, definition, decorator = KINDS[kind]
        if decorator:
            self._emit(decorator)
        parameters = "" if decorator == "" and self._chance(0.6) else "a=1, *rest, key=2, **more"
        self._emit(f"{definition} {name}({parameters}):")
        self.indent += 1
        scope = Scope(
            kind=kind,
            is_async=definition == "async def",
            can_yield=kind in ("generator", "legacy coroutine"),
            can_yield_from=kind in ("generator", "legacy coroutine"),
            makes_async_generator=kind == "async generator",
        )
        if self._chance(0.2):
            self._emit("global gv")
            scope.targets.append("gv")
        self._prologue(scope)
        if kind in ("manager", "async manager"):
            self._manager_body(scope)
        else:
            self._suite(scope, at_least=2)
            if kind in ("generator", "legacy coroutine", "async generator"):
                self._emit("yield 1")
        self.indent -= 1

    def _prologue(self, scope: Scope) -> None:
        """Begin the activation, bind some locals, sometimes hundreds of them."""
        self._emit("t = begin()")
        names = ["v0", "v1", "v2"]
        if not scope.is_class and self._chance(0.08):
            self._emit(" = ".join(f"l{i}" for i in range(270)) + " = 0")
        self._emit(" = ".join(names) + " = 1")
        scope.names.extend(names)
        if self._chance(0.08):
            attributes = ", ".join(f"ns.n{i}" for i in range(270))
            self._emit(f"h([{attributes}])")
        if self._chance(0.08):
            self._emit(f"h([{', '.join(f'v0, {i}' for i in range(1000, 1270))}])")

    def _manager_body(self, scope: Scope) -> None:
        """The body of a `@contextmanager` function: one yield, within anything."""
        if self._chance(0.5):
            self._simple(scope)
        if self._chance(0.5):
            self._with(scope, body=self._manager_core)
        else:
            self._manager_core(scope)
        self._simple(scope)

    def _manager_core(self, scope: Scope) -> None:
        shape = self.rng.randrange(4)
        if shape == 0:
            self._emit("yield 1")
            return
        self._emit("try:")
        self._nested(scope, lambda s: self._emit("yield 1"))
        if shape == 1:
            self._emit("except Oops:")
            self._nested(scope, self._suite)
            if self._chance(0.5):
                self.indent += 1
                self._emit("raise")
                self.indent -= 1
        else:
            self._emit("finally:")
            self._nested(scope, self._suite)

    def _module_level(self) -> None:
        self._emit("t = begin()")
        self._emit("v0 = v1 = v2 = gv = 1")
        scope = Scope(kind="module", names=["v0", "v1", "v2"])
        self._suite(scope, at_least=2)

    def _nested(self, scope: Scope, body: Any, **changes: Any) -> None:
        """Write an indented suite with a scope that sees `changes`."""
        self.indent += 1
        body(scope.inside(**changes))
        self.indent -= 1

    # ------------------------------------------------------------ statements

    def _suite(self, scope: Scope, at_least: int = 1) -> None:
        count = self.rng.choice((1, 1, 2, 2, 3))
        for _ in range(max(at_least, count)):
            if self._statement(scope):
                break

    def _statement(self, scope: Scope) -> bool:
        """Write one statement; return whether what follows it can't be reached."""
        self.budget -= 1
        if self.budget <= 0 or scope.depth > 7:
            self._simple(scope)
            return False
        choices: List[Any] = [
            (self._with, 9),
            (self._simple, 4),
            (self._if, 2),
            (self._loop, 3),
            (self._try, 4),
            (self._inner_function, 1),
            (self._class, 1),
        ]
        if scope.is_async:
            choices.append((self._async_with, 9))
            choices.append((self._async_for, 1))
        if MATCH:
            choices.append((self._match, 1))
        if scope.depth and not scope.is_manager:
            choices.append((self._jump, 2))
        writers, weights = zip(*choices)
        return bool(self.rng.choices(writers, weights)[0](scope))

    def _simple(self, scope: Scope) -> None:
        kind = self.rng.randrange(8)
        if kind == 0 and not scope.is_class:
            self._emit(f"{self.rng.choice(scope.names)} = {self.expression(scope)}")
        elif kind == 1:
            self._emit("boom()")
        elif kind == 2 and not scope.is_class:
            name = self.rng.choice(scope.names)
            self._emit(f"{name} = 1")
            self._emit(f"h({name}, (lambda: {name})(), p())")
        elif kind == 3 and scope.makes_async_generator:
            self._emit(f"yield {self.expression(scope)}")
        else:
            self._emit(self.expression(scope))

    def _if(self, scope: Scope) -> None:
        self._emit(f"if {self.condition(scope)}:")
        self._nested(scope, self._suite)
        if self._chance(0.3):
            self._emit(f"elif {self.condition(scope)}:")
            self._nested(scope, self._suite)
        if self._chance(0.4):
            self._emit("else:")
            self._nested(scope, self._suite)

    def _loop(self, scope: Scope) -> None:
        kind = self.rng.randrange(4)
        if kind == 0:
            self._emit(f"while {self.condition(scope)}:")
        elif kind == 1:
            # A loop without a natural end: begin it by a break that is always reached.
            self._emit("while True:")
            self.indent += 1
            self._emit("if not c():")
            self.indent += 1
            self._emit("break")
            self.indent -= 2
        else:
            self._emit(f"for {self._fresh('i')} in {self.iterable(scope)}:")
        self._nested(scope, self._suite, in_loop=True)
        if kind != 1 and self._chance(0.3):
            self._emit("else:")
            self._nested(scope, self._suite)

    def _async_for(self, scope: Scope) -> None:
        self._emit(f"async for {self._fresh('i')} in {self.async_iterable()}:")
        self._nested(scope, self._suite, in_loop=True)
        if self._chance(0.3):
            self._emit("else:")
            self._nested(scope, self._suite)

    def _try(self, scope: Scope) -> None:
        star = EXCEPT_STAR and self._chance(0.2)
        keyword = "except*" if star else "except"
        self._emit("try:")
        self._nested(scope, self._suite)
        handlers = self.rng.choice((0, 1, 1, 2))
        for number in range(handlers):
            bare = not star and number == handlers - 1 and self._chance(0.15)
            what = self.rng.choice(("Oops", "SubOops", "(SubOops, OtherOops)"))
            name = " as " + self._fresh("e") if self._chance(0.5) else ""
            self._emit("except:" if bare else f"{keyword} {what}{name}:")
            # No jump may leave an `except*` handler.
            limits = {"may_return": False, "in_loop": False} if star else {}
            self._nested(scope, self._suite, **limits)
            if bare:
                # Whatever came must go on: closing must not be swallowed without end.
                self.indent += 1
                self._emit("raise")
                self.indent -= 1
        if handlers and self._chance(0.3):
            self._emit("else:")
            self._nested(scope, self._suite)
        if not handlers or (self._chance(0.4) and (EXCEPT_STAR_WITH_FINALLY or not star)):
            self._emit("finally:")
            self._nested(scope, self._suite)

    def _match(self, scope: Scope) -> None:
        self._emit(f"match {self.expression(scope)}:")
        self.indent += 1
        patterns = ["0 | 2", "[x_, *_]", "{'k': _}", "int(real=1)", "None"]
        self.rng.shuffle(patterns)
        for pattern in patterns[: self.rng.randint(1, 2)]:
            guard = f" if {self.condition(scope)}" if self._chance(0.5) else ""
            self._emit(f"case {pattern}{guard}:")
            self._nested(scope, self._suite)
        self._emit("case _:")
        self._nested(scope, self._suite)
        self.indent -= 1

    def _jump(self, scope: Scope) -> bool:
        """Leave a block early, mostly under a condition."""
        jumps = ["raise Oops()", "raise SubOops() from OtherOops()"]
        if not scope.is_class and scope.kind != "module" and scope.may_return:
            value = "" if scope.makes_async_generator else " " + self.expression(scope)
            jumps += ["return", "return" + value, "return" + value]
        if scope.in_loop:
            jumps += ["break", "continue", "break", "continue"]
        jump = self.rng.choice(jumps)
        if self._chance(0.3):
            self._emit(jump)
            return True
        self._emit(f"if {self.condition(scope)}:")
        self.indent += 1
        self._emit(jump)
        self.indent -= 1
        return False

    def _inner_function(self, scope: Scope) -> None:
        """Define and run a nested function, which may rebind the variables around it."""
        if scope.is_class or scope.kind == "module":
            return self._simple(scope)
        kind = self.rng.choice(("function", "generator", "coroutine"))
        name = self._fresh("inner")
        self._emit(f"{KINDS[kind][1]} {name}():")
        self.indent += 1
        inner = Scope(
            kind=kind,
            is_async=kind == "coroutine",
            can_yield=kind == "generator",
            can_yield_from=kind == "generator",
            depth=scope.depth + 2,
        )
        shared = self.rng.choice(scope.names)
        if shared in ("v0", "v1", "v2"):
            self._emit(f"nonlocal {shared}")
            inner.targets.append(shared)
        self._emit("t = begin()")
        names = [n for n in ("v0", "v1", "v2") if n != shared] + ["v3"]
        self._emit(" = ".join(names) + " = 1")
        inner.names = names if shared not in ("v0", "v1", "v2") else [*names, shared]
        self._suite(inner)
        if kind == "generator":
            self._emit("yield 1")
        self.indent -= 1
        if kind == "function":
            self._emit(f"{name}()")
        elif kind == "coroutine" and scope.is_async:
            self._emit(f"await k({name}())")
        elif kind == "generator" and scope.can_yield_from and self._chance(0.5):
            self._emit(f"yield from k({name}())")
        else:
            self._emit(f"drive(k({name}()))")
        return None

    def _class(self, scope: Scope) -> None:
        """A class whose body has blocks of its own, and perhaps a method."""
        name = self._fresh("C")
        self._emit(f"class {name}:")
        self.indent += 1
        self._emit("t = begin()")
        inner = Scope(kind="class", depth=scope.depth + 2)
        self._suite(inner)
        has_method = self._chance(0.5)
        if has_method:
            self._emit("def method(self, a=1):")
            self.indent += 1
            self._emit("t = begin()")
            self._emit("v0 = v1 = v2 = __class__")
            method = Scope(kind="function", depth=scope.depth + 3, names=["v0", "v1", "v2"])
            method.targets.append("self.attribute")
            self._suite(method)
            self.indent -= 1
        self.indent -= 1
        if has_method:
            self._emit(f"{name}().method()")

    # ------------------------------------------------------------------ with

    def _async_with(self, scope: Scope) -> None:
        self._with(scope, is_async=True)

    def _with(self, scope: Scope, is_async: bool = False, body: Any = None) -> None:
        count = self.rng.choice((1, 1, 1, 1, 2, 2, 3))
        held: List[Optional[str]] = [None] * count
        first_id = len(self.blocks)
        targets: List[Optional[Target]] = []
        for number in range(count):
            # Reserves the ids; the line is filled in once it is known.
            self.blocks[first_id + number] = Block(0, is_async, False, None, None, False)
            targets.append(self._target(scope) if self._chance(0.6) else None)
            if self._chance(0.12):
                held[number] = self._fresh("m")
                creation = self._manager(first_id + number, is_async, by_state=False)
                self._emit(f"{held[number]} = {creation}")
        items = []
        holders = [h is not None for h in held]
        for number in range(count):
            target = targets[number]
            # These return True from enter, which can't be unpacked.
            by_state = target is None or target.shape is None
            item = held[number] or self._manager(first_id + number, is_async, by_state)
            if held[number] is None:
                item, holders[number] = self._item(scope, item)
            items.append(f"{item} as {target.text}" if target else item)
        line = self._header("async with" if is_async else "with", items)
        for number, target in enumerate(targets):
            self.item_blocks[line, number] = first_id + number
            self.blocks[first_id + number] = Block(
                line,
                is_async,
                target is not None,
                target.normal if target else None,
                target.shape if target else None,
                holders[number],
            )
        if body is None and self._chance(0.1):
            self.lines[-1] += f" {self.expression(scope)}"
            return
        self._nested(scope, body or self._suite)
        plain = [t.text for t in targets if t is not None and t.text.startswith("x")]
        if plain and body is None and self._chance(0.3):
            # Bound by this very statement, and nothing between can unbind it.
            self.indent += 1
            self._emit(f"{plain[0]} = 1")
            self._emit(f"del {plain[0]}")
            self._emit("p()")
            self.indent -= 1

    def _header(self, keyword: str, items: List[str]) -> int:
        """Write the header of a with statement in one of its layouts; return its line."""
        line = len(self.lines) + 1
        layout = self.rng.randrange(8)
        if layout == 0 and PARENTHESISED_WITH:
            self._emit(f"{keyword} (")
            self.lines.extend(f"    {item}," for item in items)
            self._emit("):")
        elif layout == 1:
            self._emit(f"{keyword} \\")
            self.lines.append("        " + ", \\\n        ".join(items) + ":")
        elif layout == 2:
            self._emit(f"{keyword} " + ", \\\n        ".join(items) + ":")
        elif layout == 3:
            broken = [item.replace("M(t, ", "M(t,\n        ") for item in items]
            self._emit(f"{keyword} " + ", ".join(broken) + ":")
        else:
            self._emit(f"{keyword} " + ", ".join(items) + ":")
        self.lines = "\n".join(self.lines).split("\n")
        return line

    def _manager(self, block_id: int, is_async: bool, by_state: bool) -> str:
        kind = "async manager" if is_async else "manager"
        written = [f.name for f in self.functions if f.kind == kind]
        if written and self._chance(0.15):
            name = self.rng.choice(written)
            plain = "AsyncPlain" if is_async else "Plain"
            return f"({name} if go() else M)(t, {block_id}, '{plain}')"
        kinds: Tuple[str, ...] = ASYNC_KINDS if is_async else SYNC_KINDS
        if not by_state:
            kinds = tuple(k for k in kinds if k not in STATE_KINDS)
        return f"M(t, {block_id}, '{self.rng.choice(kinds)}')"

    def _item(self, scope: Scope, manager: str) -> Tuple[str, bool]:
        """The expression of a with item, and whether a local holds the manager after it."""
        kind = self.rng.randrange(16)
        if kind == 0 and not scope.is_class:
            return f"({self._fresh('w')} := {manager})", True
        if kind == 1:
            return f"last({self.expression(scope, 1)}, {manager})", False
        if kind == 2:
            return f"[{manager}, {self.expression(scope, 1)}][0]", False
        if kind == 3:
            return f"({manager} if {self.condition(scope)} else {manager})", False
        if kind == 4:
            return f"last(*[1, {manager}])", False
        return manager, False

    def _target(self, scope: Scope) -> Target:
        return random_target(self.rng, scope, self._fresh)
