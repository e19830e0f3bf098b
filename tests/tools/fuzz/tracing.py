"""Probes between the instructions: compares from a trace function.

At a line or opcode event the frame is about to execute the instruction at `f_lasti`. The
managers' own log says exactly which of them are active at that moment, with two exceptions that
nothing about the frame can tell:

- If the very next thing that happens is the exit of the innermost manager, the instruction is the
  one that calls it (or one of those that start the awaitable that it gave). A frame that is about
  to call the exit looks like one that is calling it, so `is_exiting` may be either.
- When an exit that was called by an exception has raised one itself, the frame is at the same
  instruction with the same stack, until the trace function has been told of that.

Both are counted as tolerated if they differ from what the log says.
"""

from __future__ import annotations

import random
import sys
import types
from typing import Any, List, NamedTuple, Optional, Tuple

from .managers import AsyncIterable
from .oracle import Activation, Entry, Mismatch, Oracle, instruction_at

#: How many events at most lie between the call of an exit and its first step: CALL (on 3.11 after
#: PRECALL),
#: and for an awaitable those of GET_AWAITABLE, LOAD_CONST, PUSH_NULL (3.15) and SEND.
_EVENTS_OF_CALL = 2
_EVENTS_OF_ASYNC_CALL = 6


class _Doubt(NamedTuple):
    """A mismatch that is none if the exit of `entry` is about to begin."""

    mismatch: Mismatch
    activation: Activation
    entry: Entry
    is_async: bool
    last: Tuple[str, Optional[Entry]]
    events: int


class Tracer:
    """A trace function for the frames of one program, for use in a with statement."""

    def __init__(self, oracle: Oracle, event: str, rng: random.Random) -> None:
        self._oracle = oracle
        self._event = event
        self._rng = rng
        self._doubts: List[_Doubt] = []
        self._previous: Any = None

    def __enter__(self) -> Tracer:
        self._previous = sys.gettrace()
        sys.settrace(self._global)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.settrace(self._previous)
        self._settle()

    def _global(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != self._oracle.program.filename:
            return None
        if self._event == "opcode":
            frame.f_trace_opcodes = True
        return self._local

    def _local(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        # What has been awaited ends by StopIteration.
        failed = event == "exception" and not issubclass(arg[0], StopIteration)
        if event == self._event or failed:
            activation = self._oracle.activation_of(frame)
            if activation is not None and activation.had_block:
                self._settle()
                self._check(frame, activation, failed)
                activation.events += event == self._event
        return self._local

    def _check(self, frame: types.FrameType, activation: Activation, failed: bool) -> None:
        oracle = self._oracle
        oracle.figures.probes += 1
        entries = activation.active()
        inner = sys._getframe(1) if self._rng.random() < 0.5 else None
        contexts = oracle.read(frame, None, inner, entries)
        if contexts is None or oracle.matches(frame, entries, contexts):
            return
        if self._was_given_up(frame, entries, contexts) or (
            failed and self._has_just_failed(frame, activation, entries, contexts)
        ):
            oracle.figures.tolerated += 1
            return
        mismatch = oracle.mismatch(frame, entries, contexts)
        if entries and oracle.matches(frame, entries, contexts, vague=True):
            entry = entries[-1]
            is_async = oracle.program.blocks[entry.block_id].is_async
            self._doubts.append(
                _Doubt(mismatch, activation, entry, is_async, activation.last, activation.events)
            )
        else:
            oracle.record(mismatch)

    def _has_just_failed(
        self,
        frame: types.FrameType,
        activation: Activation,
        entries: List[Entry],
        contexts: List[Any],
    ) -> bool:
        """Whether the exit that is shown too many is the one that has just raised an exception."""
        what, entry = activation.last
        if what != "exit ends" or entry is None or not contexts:
            return False
        if contexts[-1].obj not in (None, entry.manager) or not contexts[-1].is_exiting:
            return False
        return self._oracle.matches(frame, entries, contexts[:-1])

    def _was_given_up(
        self, frame: types.FrameType, entries: List[Entry], contexts: List[Any]
    ) -> bool:
        """Whether the exit that is missing awaited an iterator that isn't told of exceptions.

        The frame has left the block; the books say so when the iterator is dropped.
        """
        return (
            bool(entries)
            and entries[-1].exiting
            and isinstance(entries[-1].manager, AsyncIterable)
            and instruction_at(frame.f_code, frame.f_lasti) == "CLEANUP_THROW"
            and self._oracle.matches(frame, entries[:-1], contexts)
        )

    def _settle(self) -> None:
        """Decide about the doubts: did the exit really begin next?"""
        waiting = []
        for doubt in self._doubts:
            entry = doubt.entry
            most = _EVENTS_OF_ASYNC_CALL if doubt.is_async else _EVENTS_OF_CALL
            if entry.is_active is not None:
                ended, since = not entry.is_active(), doubt.activation.events - doubt.events
            else:
                ended, since = entry.exiting, entry.events_before_exit - doubt.events
            if ended and since <= most:
                self._oracle.figures.tolerated += 1
            elif ended or doubt.activation.events - doubt.events > most:
                self._oracle.record(doubt.mismatch)
            else:
                waiting.append(doubt)
        self._doubts = waiting
