"""What a frame reader offers, whatever the interpreter."""

from __future__ import annotations

from types import (
    BuiltinMethodType,
    CodeType,
    CoroutineType,
    FrameType,
    GeneratorType,
    MethodType,
    MethodWrapperType,
)
from typing import Callable, FrozenSet, List, Optional, Sequence, Tuple

from stackscope.interpreter.bytecode import CodeAnalysis, Site


class FrameMoved(Exception):
    """The frame has moved on while it was being read."""


#: Ids of the types that exit methods and the awaitables of exit methods usually have.
METHODS = frozenset(map(id, (MethodType, BuiltinMethodType, MethodWrapperType)))
COROUTINES = frozenset(map(id, (CoroutineType, GeneratorType)))


class Moment:
    """A frame at one instruction. Its methods raise `FrameMoved` once it has gone on.

    Slots are counted from the first local variable.

    Attributes:
        lasti: offset of the instruction, as ``f_lasti``.
        depth: how many slots are in use, the variables' included; -1 if that can't be told.
    """

    __slots__ = ("lasti", "depth")

    lasti: int
    depth: int

    def pick(self, analysis: CodeAnalysis) -> Optional[Site]:
        """What holds for the frame now; `None` if that can't be told."""
        sites = analysis.at(self.lasti)
        return sites[0] if len(sites) == 1 else None

    def check(self) -> None:
        """Do nothing if the frame is still where it was."""
        raise NotImplementedError

    def may_unwind(self, site: Site) -> bool:
        """Whether an exception may be unwinding a frame whose stack shows no call."""
        return True

    def leaves(self, frame: FrameType, site: Site, callee: Optional[FrameType]) -> bool:
        """Whether the block left at ``site`` still is being left, going by the stack's depth.

        Else its exit has failed and the frame unwinds, or is done and the thread handles a signal.

        Args:
            frame: the frame.
            site: what holds for it.
            callee: the frame that it is said to be calling.
        """
        stack = site.used - site.intact
        if site.exiting is not None and site.exiting.awaitable >= 0:
            return site.exiting.awaitable < self.depth - stack
        # The operands of the call are on the stack, or have all been moved away.
        return self.depth == site.used or self.depth >= stack + site.depth

    def objects(self, slots: Sequence[int]) -> List[object]:
        """The objects in slots, none of which may be NULL."""
        raise NotImplementedError

    def note_finalizer(self, callee: FrameType, address: int, awaited: int) -> None:
        """Take into account that the frame may be dropping what ``callee`` finalizes.

        Args:
            callee: what the frame calls.
            address: that of the object that it finalizes, 0 if that isn't known. A generator's
                frame finalizes the generator.
            awaited: the slot of what the frame awaits by its instruction, or -1: that may be the
                generator, too.
        """

    def note_newer(self, used: Callable[[], FrozenSet[int]]) -> None:
        """Take into account that the frame may be unwinding: what newer frames use isn't its own.

        Args:
            used: gives the addresses of what frames have in use that were called later.
        """

    def may_use(self, slot: int) -> bool:
        """Whether a slot may be in use, by what `note_finalizer` has found."""
        return True

    def calls(self, callee: FrameType) -> bool:
        """Whether an instruction of the frame has called ``callee``, as far as can be told.

        `False` only if ``callee`` was called from C: as a trace function, a callback or a finalizer
        is, or by a function in C that the frame calls.
        """
        return True

    def peek(self, slot: int, types: FrozenSet[int]) -> Tuple[bool, object]:
        """What a slot holds that may no longer be in use.

        A frame that is unwinding has still the ``f_lasti`` of the call that failed (or, after
        RERAISE, that of where the exception came from), while its stack is being taken down. What
        is dropped from the stack may run code, and that code may look at the frame.

        Args:
            slot: the slot.
            types: ids of the types that the object may have.

        Returns:
            Whether the slot is in use, and the object if it has one of the types. Where that can't
            be told from the stack's depth, what is no object any more, or can't be called, is not
            in use.
        """
        raise NotImplementedError

    def tracked(self, slot: int) -> object:
        """The object in a slot that may no longer be in use, if the collector knows it; slow."""
        raise NotImplementedError

    def exits(self, slots: Sequence[int]) -> List[object]:
        """The exit callables in slots, `None` for one that is no bound method.

        The list is shorter if the frame has left the upper blocks already. (From 3.11 to 3.13 that
        can't be seen for an exit callable that is no bound method and still alive.)
        """
        return self.objects(slots)

    def nullable(self, slots: Sequence[int]) -> List[object]:
        """As `objects`, for ascending slots; `None` for NULL and what isn't surely an object.

        Where the stack's depth isn't known, only what the collector knows is surely one.
        """
        raise NotImplementedError

    def addresses(self, count: int) -> List[int]:
        """The addresses of the objects in the first ``count`` slots, 0 for NULL."""
        raise NotImplementedError

    def references(self, slots: Sequence[int]) -> List[int]:
        """The addresses of what the frame refers to by slots that are in use, and by itself.

        Each is there as often as that keeps it alive.
        """
        raise NotImplementedError


class Reader:
    """Reads frames of one generation of interpreters."""

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        """Where ``frame`` stands now; `None` if it has ended or not begun."""
        raise NotImplementedError

    def proves(self, frame: FrameType) -> bool:
        """Whether ``frame``, which runs in this thread, looks in memory as it should."""
        return True

    def at_rest(
        self, frame: FrameType, analysis: CodeAnalysis
    ) -> Optional[Tuple[Site, List[object], Sequence[int]]]:
        """What there is to know of a frame that waits for a callee or is suspended.

        A short cut for the usual case. `None` means nothing but: look closer.

        Returns:
            Its site, the objects in the slots `Site.reads`, and, if the site has nameless blocks
            and the variables are in slots, the cells, added to these objects, and the words in the
            slots of all variables.
        """
        return None

    def at_rest_here(
        self, frame: FrameType, analysis: CodeAnalysis
    ) -> Optional[Tuple[Site, List[object], Sequence[int]]]:
        """As `at_rest`, for a frame of this very stack that waits for a callee.

        It stands still: only this thread could go on with it, and doesn't before our own frames
        have ended. Finalizers, signal handlers and trace functions run above these. So what was
        read of it holds until it is read again.
        """
        return self.at_rest(frame, analysis)

    def is_alive(self, frame: FrameType) -> bool:
        """Whether ``frame`` is still running or suspended."""
        raise NotImplementedError

    def local(self, frame: FrameType, index: int) -> Tuple[bool, object]:
        """The object in the slot of a local variable, and whether there is one.

        Works for frames that have ended as well.
        """
        raise NotImplementedError

    def namespace(self, frame: FrameType) -> Optional[object]:
        """The namespace of a frame at module or class level; `None` if there is none."""
        raise NotImplementedError
