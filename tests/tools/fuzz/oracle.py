"""What every frame of a random program must show, and the comparison with what it does show.

An `Activation` is one call of one generated function. Its context managers report to it when
their enter is about to return and when their exit begins and ends, so it knows at every moment
which managers are active. A *probe* is one comparison of that knowledge with
`contexts_active_in_frame`, for one frame at one moment.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import opcode
import os
import sys
import threading
import types
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from .programs import Block, Program

#: Signature of `stackscope.lowlevel.contexts_active_in_frame`.
Reader = Callable[[types.FrameType, Any, Optional[types.FrameType]], List[Any]]

# : PyPy 3.11 compiles a ``finally`` body once for each way into it, and unpacks ``*name`` as if it
# were : ``name`` in all of them but the first. The code does what is said of it.
FORGETS_STARS = sys.implementation.name == "pypy"

_SUSPENDABLE = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


_MANAGERS = {
    os.path.join(os.path.dirname(__file__), "managers.py"),
    threading.__file__,
    contextlib.__file__,
}


class Entry:
    """One active (or exiting) manager of one activation."""

    __slots__ = (
        "block_id",
        "events_before_exit",
        "exiting",
        "is_active",
        "manager",
        "none_allowed",
    )

    def __init__(self, manager: Any, block_id: int, none_allowed: str = "never") -> None:
        self.manager = manager
        self.block_id = block_id
        self.exiting = False
        #: "never", "exiting" or "always": when `Context.obj` may be None instead of the manager.
        self.none_allowed = none_allowed
        #: How many trace events of the frame came between the last happening and this exit.
        self.events_before_exit = 0
        #: For managers that can't report themselves: tells from their state if they're active.
        self.is_active: Optional[Callable[[], bool]] = None


class Activation:
    """One call of a generated function (or run of a class body or module)."""

    __slots__ = ("code", "entries", "events", "had_block", "is_finalized", "last")

    def __init__(self, code: types.CodeType) -> None:
        self.code = code
        #: Whether its token has been finalized. The collector does that early: the frame may go on.
        self.is_finalized = False
        self.entries: List[Entry] = []
        #: Whether any manager was ever entered here; frames without don't count as probes.
        self.had_block = False
        #: What happened last ("enter", "exit begins" or "exit ends") and to which entry.
        self.last: Tuple[str, Optional[Entry]] = ("", None)
        #: How many trace events came since.
        self.events = 0

    def push(self, entry: Entry) -> None:
        """Add a manager whose enter is about to return."""
        self._forget_inactive()
        self.entries.append(entry)
        self.had_block = True
        self._happened("enter", entry)

    def begin_exit(self, entry: Entry) -> None:
        """Note that the exit of the manager has been called."""
        entry.exiting = True
        entry.events_before_exit = self.events
        self._happened("exit begins", entry)

    def pop(self, entry: Entry) -> None:
        """Remove a manager whose exit is about to return or raise."""
        self._forget_inactive()
        if not self.entries or self.entries[-1] is not entry:
            raise AssertionError("the oracle saw exits in the wrong order")
        self.entries.pop()
        self._happened("exit ends", entry)

    def active(self) -> List[Entry]:
        """The managers that are active now, outermost first."""
        return [e for e in self.entries if e.is_active is None or e.is_active()]

    def _happened(self, what: str, entry: Entry) -> None:
        self.last = (what, entry)
        self.events = 0

    def _forget_inactive(self) -> None:
        self.entries = self.active()


class Token:
    """What a generated frame holds to name its activation, in ``t``; it dies with the frame."""

    __slots__ = ("activation",)

    def __init__(self, oracle: Oracle, frame: types.FrameType) -> None:
        self.activation = Activation(frame.f_code)
        oracle.activations[id(frame)] = self.activation

    def __del__(self) -> None:
        self.activation.is_finalized = True


@dataclass
class Mismatch:
    """A frame that didn't show what it must."""

    where: str
    lineno: int
    lasti: int
    code: types.CodeType
    expected: List[str]
    got: List[str]

    def __str__(self) -> str:
        name = instruction_at(self.code, self.lasti)
        lines = [f"{self.where}, line {self.lineno}, instruction {self.lasti} ({name})"]
        lines += ["  expected:"]
        lines += [f"    {text}" for text in self.expected] or ["    nothing"]
        lines += ["  got:"]
        lines += [f"    {text}" for text in self.got] or ["    nothing"]
        return "\n".join(lines)


@dataclass
class Figures:
    """Counts over a whole run."""

    programs: int = 0
    probes: int = 0
    wrong: int = 0
    skipped: int = 0
    tolerated: int = 0
    unknown_exiting: int = 0
    side_effects: int = 0
    unexpected: int = 0

    def __str__(self) -> str:
        return (
            f"programs {self.programs}, probes {self.probes}, wrong probes {self.wrong}, "
            f"skipped {self.skipped}, tolerated {self.tolerated}, "
            f"exiting without object {self.unknown_exiting}, "
            f"side effects {self.side_effects}, unexpected exceptions {self.unexpected}"
        )


@dataclass
class Oracle:
    """Compares the frames of one program with what their managers logged."""

    program: Program
    reader: Reader
    figures: Figures = field(default_factory=Figures)
    mismatches: List[Mismatch] = field(default_factory=list)
    activations: Dict[int, Activation] = field(default_factory=dict)
    _static: Optional[Dict[int, Tuple[int, ...]]] = None
    _item_lines: Optional[Dict[int, int]] = None
    with_source: bool = True
    #: True if probes come at any allocation, so in the middle of what the managers do, too.
    collecting: bool = False
    #: True while the reader runs: hostile managers then report being touched.
    reading: bool = False

    def begin(self) -> Token:
        """Called first thing in every generated frame."""
        return Token(self, sys._getframe(1))

    def activation_of(self, frame: types.FrameType) -> Optional[Activation]:
        """The activation that this frame has begun, if it has."""
        activation = self.activations.get(id(frame))
        # The token of a class body outlives its frame, so another frame may have that id now.
        if activation is None or activation.code is not frame.f_code:
            return None
        if activation.is_finalized:
            token = frame.f_locals.get("t")
            if type(token) is not Token or token.activation is not activation:
                return None
        return activation

    def check_stack(self, innermost: types.FrameType) -> Set[int]:
        """Compare every generated frame that is calling `innermost`.

        Returns:
            The ids of all frames seen, that is, of those that are running.
        """
        running = {id(innermost)}
        inner: types.FrameType = innermost
        frame = innermost.f_back
        while frame is not None:
            running.add(id(frame))
            if frame.f_code.co_filename == self.program.filename:
                self.check_frame(frame, None, inner)
            inner, frame = frame, frame.f_back
        return running

    def check_suspended(self, thing: Any) -> None:
        """Compare the frame of a generator, coroutine or async generator that's suspended."""
        frame = frame_of(thing)
        if frame is not None and frame.f_code.co_filename == self.program.filename:
            self.check_frame(frame, thing, next_suspended_frame(thing))

    def check_frame(
        self, frame: types.FrameType, origin: Any, inner: Optional[types.FrameType]
    ) -> None:
        """Compare one frame now, and record it if it's wrong.

        Args:
            frame: The frame.
            origin: Its generator, coroutine or async generator, if known.
            inner: The frame that it is calling.
        """
        activation = self.activation_of(frame)
        entries = activation.active() if activation is not None else []
        self.figures.probes += activation is not None and activation.had_block
        contexts = self.read(frame, origin, inner, entries)
        if contexts is None or self.matches(frame, entries, contexts):
            return
        if self.collecting and self.is_about_to_change(frame, entries, contexts, inner):
            self.figures.tolerated += 1
        else:
            self.record(self.mismatch(frame, entries, contexts))

    def read(
        self,
        frame: types.FrameType,
        origin: Any,
        inner: Optional[types.FrameType],
        entries: List[Entry],
    ) -> Optional[List[Any]]:
        """The contexts that stackscope finds; None (and a record) if it raises."""
        self.reading = True
        try:
            return self.reader(frame, origin, inner)
        except Exception as exc:
            error = f"{type(exc).__name__}: {exc}"
        finally:
            self.reading = False
        self.record(self.mismatch(frame, entries, [], error))
        return None

    def around(self, frame: types.FrameType) -> Optional[Tuple[int, ...]]:
        """The blocks around the line of a frame by the syntax tree; None if that can't be told."""
        if self._static is None:
            self._static = static_blocks(self.program)
        return None if _is_artificial(frame) else self._static.get(frame.f_lineno)

    def is_about_to_change(
        self,
        frame: types.FrameType,
        entries: List[Entry],
        contexts: List[Any],
        inner: Optional[types.FrameType],
    ) -> bool:
        """Whether the books of a manager are a little ahead of its frame, or behind.

        The last exit may have been called without having begun, or has just ended. 3.8 takes the
        exit callable, and what it gives to be awaited, off the stack: then the last is unknown.
        From 3.11 to 3.13 an exit written in C, which has just failed, can't be told from a running
        one: both have the same slots, and neither has a frame.
        """
        if is_of_manager(inner) or self.matches(frame, entries, contexts, vague=True):
            return True
        if contexts and contexts[-1].is_exiting and io.RawIOBase in type(contexts[-1].obj).__mro__:
            return self.matches(frame, entries, contexts[:-1])
        if sys.version_info >= (3, 9):
            return False
        if contexts and contexts[-1].obj is None and contexts[-1].is_exiting:
            if self.matches(frame, entries, contexts[:-1]):
                return True
            contexts = contexts[:-1]
        return bool(entries) and self.matches(frame, entries[:-1], contexts)

    def matches(
        self,
        frame: types.FrameType,
        entries: List[Entry],
        contexts: List[Any],
        vague: bool = False,
    ) -> bool:
        """Whether the contexts are those that they must be.

        Args:
            frame: The frame that they were found in.
            entries: What they must be.
            contexts: What was found.
            vague: Whether the exit of the last one may be reported as running or not.
        """
        if len(contexts) != len(entries):
            return False
        for entry, context in zip(entries, contexts):
            if not self._agrees(frame, entry, context, vague and entry is entries[-1]):
                return False
        return True

    def _agrees(self, frame: types.FrameType, entry: Entry, context: Any, vague: bool) -> bool:
        block = self.program.blocks[entry.block_id]
        if context.is_exiting is not entry.exiting and not vague:
            return False
        if context.obj is None:
            unknown_allowed = entry.none_allowed == "always" or (
                context.is_exiting and entry.none_allowed == "exiting"
            )
            if not unknown_allowed:
                return False
            self.figures.unknown_exiting += 1
        elif context.obj is not entry.manager:
            return False
        return (
            context.is_async is block.is_async
            and context.start_line in self.possible_lines(entry.block_id)
            and self._name_agrees(frame, entry, block, context)
        )

    def possible_lines(self, block_id: int) -> Set[int]:
        """Lines that may be given as that of a block's ``with`` keyword.

        From 3.13 on the bytecode has only the line of the item, so that without source the item's
        line is all that can be known.
        """
        line = self.program.blocks[block_id].line
        if self.with_source or sys.version_info < (3, 13):
            return {line}
        if self._item_lines is None:
            self._item_lines = item_lines(self.program)
        return {self._item_lines[block_id]}

    @staticmethod
    def _name_agrees(frame: types.FrameType, entry: Entry, block: Block, context: Any) -> bool:
        name: Optional[str] = context.varname
        if block.has_target:
            return name == block.varname or (
                FORGETS_STARS and name == (block.varname or "").replace("*", "")
            )
        if context.obj is None:
            return name is None
        if name is None and not block.may_be_held:
            return True
        # Reading f_locals has side effects that only a debugger minds, so the test may do it.
        holders = [key for key, value in frame.f_locals.items() if value is entry.manager]
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED and type(frame.f_locals) is not dict:
            # In a comprehension there, the proxy lacks the names around it (3.13+).
            holders += [name for name in frame.f_code.co_names if block.may_be_held]
        return name in holders if holders else name is None

    def mismatch(
        self, frame: types.FrameType, entries: List[Entry], contexts: List[Any], error: str = ""
    ) -> Mismatch:
        """A description of what is wrong, made now because both sides will change."""
        return Mismatch(
            where=frame.f_code.co_name,
            lineno=frame.f_lineno,
            lasti=frame.f_lasti,
            code=frame.f_code,
            expected=[self._describe_entry(e) for e in entries],
            got=[error] if error else [self._describe_context(c) for c in contexts],
        )

    def record(self, mismatch: Mismatch) -> None:
        """Count a wrong probe."""
        self.figures.wrong += 1
        self.mismatches.append(mismatch)

    def _describe_entry(self, entry: Entry) -> str:
        block = self.program.blocks[entry.block_id]
        name = block.varname if block.has_target else "(no as)"
        return _describe(entry.manager, block.is_async, entry.exiting, name, block.line)

    @staticmethod
    def _describe_context(context: Any) -> str:
        return _describe(
            context.obj, context.is_async, context.is_exiting, context.varname, context.start_line
        )


def _describe(
    obj: Any, is_async: bool, is_exiting: bool, name: Optional[str], line: Optional[int]
) -> str:
    shown = "None" if obj is None else f"<{type(obj).__name__} at {id(obj):#x}>"
    words = "async " * is_async + "with " + shown + " exiting" * is_exiting
    return f"{words} as {name} (line {line})"


def is_of_manager(frame: Optional[types.FrameType]) -> bool:
    """Whether a frame runs a method of a manager: those of the programs, or of the stdlib."""
    return frame is not None and frame.f_code.co_filename in _MANAGERS


def instruction_at(code: types.CodeType, offset: int) -> str:
    """The name of the instruction at an offset, or of that whose cache is there."""
    while offset >= 0:
        name = opcode.opname[code.co_code[offset]]
        if name != "CACHE":
            return name
        offset -= 2
    return "start"


def frame_of(thing: Any) -> Optional[types.FrameType]:
    """The frame of a generator, coroutine or async generator; None if it's finished."""
    if isinstance(thing, types.GeneratorType):
        return thing.gi_frame
    if isinstance(thing, types.CoroutineType):
        return thing.cr_frame
    if isinstance(thing, types.AsyncGeneratorType):
        return thing.ag_frame
    return None


def is_running_unseen(thing: Any, frame: types.FrameType) -> bool:
    """Whether a frame runs though it is on no stack: what it is calling can't be told then.

    In 3.9 and 3.10 the stack ends at a frame that hands on what has been thrown into it
    (`_gen_throw` in Objects/genobject.c).
    """
    if sys.version_info >= (3, 11):
        return False
    flags = ("gi_running", "cr_running", "ag_running")
    is_running = any(getattr(thing, flag, False) for flag in flags)
    suspended = ("YIELD_VALUE", "YIELD_FROM", "LOAD_CONST")
    return is_running and instruction_at(frame.f_code, frame.f_lasti) not in suspended


def is_suspended(thing: Any, running: Set[int]) -> bool:
    """Whether a generator, coroutine or async generator is at rest.

    Args:
        thing: The generator, coroutine or async generator.
        running: The ids of the frames on the stack.
    """
    frame = frame_of(thing)
    return frame is not None and id(frame) not in running and not is_running_unseen(thing, frame)


def awaited_by(thing: Any) -> Any:
    """What a suspended generator, coroutine or async generator waits for, or None."""
    if isinstance(thing, types.GeneratorType):
        return thing.gi_yieldfrom
    if isinstance(thing, types.CoroutineType):
        return thing.cr_await
    if isinstance(thing, types.AsyncGeneratorType):
        return thing.ag_await
    return None


def _look_inside(awaitable: Any) -> Any:
    """The coroutine or async generator behind `coroutine_wrapper`, `asend()` and the like."""
    if awaitable is None or isinstance(awaitable, _SUSPENDABLE):
        return awaitable
    if type(awaitable).__module__ == "builtins":
        for referent in gc.get_referents(awaitable):
            if isinstance(referent, _SUSPENDABLE):
                return referent
    return None


def next_suspended_frame(thing: Any) -> Optional[types.FrameType]:
    """The frame that a suspended generator, coroutine or async generator waits for, if any."""
    return frame_of(_look_inside(awaited_by(thing)))


def chain_of(thing: Any) -> Iterator[Any]:
    """`thing` and all that it waits for, outermost first."""
    thing = _look_inside(thing)
    while isinstance(thing, _SUSPENDABLE):
        yield thing
        thing = _look_inside(awaited_by(thing))


def static_blocks(program: Program) -> Dict[int, Tuple[int, ...]]:
    """For each line of a statement that no with-header shares: the blocks around it.

    This is a second reckoning, from the syntax tree alone, with which the oracle checks itself.
    """
    import ast

    found: Dict[int, Tuple[int, ...]] = {}
    headers: Set[int] = set()

    def block_ids(node: Any) -> List[int]:
        return [program.item_blocks[node.lineno, i] for i in range(len(node.items))]

    def visit(node: ast.AST, around: Tuple[int, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            here = around
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                # The line of the definition itself runs in the enclosing frame.
                headers.add(child.lineno)
                headers.update(d.lineno for d in child.decorator_list)
                here = ()
            elif isinstance(child, (ast.With, ast.AsyncWith)):
                headers.update(range(child.lineno, child.body[0].lineno))
                for item in child.items:
                    # A body may begin on the last line of the header.
                    headers.add((item.optional_vars or item.context_expr).end_lineno or 0)
                here = around + tuple(block_ids(child))
            elif isinstance(child, ast.stmt):
                found[child.lineno] = around
            visit(child, here)

    visit(ast.parse(program.source), ())
    return {line: blocks for line, blocks in found.items() if line not in headers}


def item_lines(program: Program) -> Dict[int, int]:
    """For each block: the line on which the expression of its item begins."""
    import ast

    return {
        program.item_blocks[node.lineno, i]: item.context_expr.lineno
        for node in ast.walk(ast.parse(program.source))
        if isinstance(node, (ast.With, ast.AsyncWith))
        for i, item in enumerate(node.items)
    }


class SelfCheck:
    """A reader that knows nothing of stackscope: it checks the oracle against the syntax tree."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def __call__(
        self, frame: types.FrameType, origin: Any, inner: Optional[types.FrameType]
    ) -> List[Any]:
        activation = self._oracle.activation_of(frame)
        entries = activation.active() if activation is not None else []
        around = self._oracle.around(frame)
        if activation is None or around is None or any(e.exiting for e in entries):
            self._oracle.figures.skipped += 1
        elif not _starts_with(around, entries):
            raise AssertionError(f"the syntax tree has blocks {around} around this line")
        elif len(entries) < len(around):
            # See `Oracle.has_left_its_line`.
            self._oracle.figures.tolerated += 1
        return [_Echo(self._oracle, frame, e) for e in entries]


def _starts_with(blocks: Tuple[int, ...], entries: List[Entry]) -> bool:
    return blocks[: len(entries)] == tuple(entry.block_id for entry in entries)


def _is_artificial(frame: types.FrameType) -> bool:
    """Whether the frame drops something between statements, where lines mean nothing.

    What is dropped may be a generator, whose closing runs code of the program.
    """
    name = instruction_at(frame.f_code, frame.f_lasti)
    return name.startswith(
        ("POP_", "JUMP_", "DELETE_", "STORE_", "RESUME", "END_", "RERAISE", "start")
    )


class _Echo:
    """A context that agrees with the oracle."""

    description = None

    def __init__(self, oracle: Oracle, frame: types.FrameType, entry: Entry) -> None:
        block = oracle.program.blocks[entry.block_id]
        self.obj = entry.manager
        self.is_async = block.is_async
        self.is_exiting = entry.exiting
        (self.start_line,) = oracle.possible_lines(entry.block_id)
        self.varname = block.varname
        if not block.has_target:
            held = [k for k, v in frame.f_locals.items() if v is entry.manager]
            self.varname = held[0] if held else None
