"""Probes between the instructions: compares from a trace function.

At a line or opcode event the frame is about to execute the instruction at `f_lasti`. The
managers' own log says exactly which of them are active at that moment, with two exceptions that
nothing about the frame can tell:

- If the very next thing that happens is the exit of the innermost manager, the instruction is the
  one that calls it (or one of those that start the awaitable that it gave). A frame that is about
  to call the exit looks like one that is calling it, so `is_exiting` may be either.
- The first event after the awaitable of an enter or exit ended: the frame has the result and its
  next instruction only tidies up (END_SEND, SETUP_ASYNC_WITH, …). Active and not are both right.

Both are counted as tolerated if they differ from what the log says.
"""

from __future__ import annotations

import random
import sys
import types
from typing import Any, List, NamedTuple, Optional, Tuple

from .oracle import Activation, Entry, Mismatch, Oracle

#: How many events at most lie between the call of an exit and its first step: CALL (on 3.11 after
#: PRECALL),
#: and for an awaitable those of GET_AWAITABLE, LOAD_CONST, PUSH_NULL (3.15) and SEND.
_EVENTS_OF_CALL = 2
_EVENTS_OF_ASYNC_CALL = 6
#: How many events follow the end of an awaitable until the frame has tidied up.
_EVENTS_OF_END = 2


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
        if event == self._event:
            activation = self._oracle.activation_of(frame)
            if activation is not None and activation.had_block:
                self._settle()
                self._check(frame, activation)
                activation.events += 1
        return self._local

    def _check(self, frame: types.FrameType, activation: Activation) -> None:
        oracle = self._oracle
        oracle.figures.probes += 1
        entries = activation.active()
        inner = sys._getframe(1) if self._rng.random() < 0.5 else None
        contexts = oracle.read(frame, None, inner, entries)
        if contexts is None or oracle.matches(frame, entries, contexts):
            return
        if self._has_just_ended(frame, activation, entries, contexts):
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

    def _has_just_ended(
        self,
        frame: types.FrameType,
        activation: Activation,
        entries: List[Entry],
        contexts: List[Any],
    ) -> bool:
        """Whether the contexts are those of just before an awaitable ended."""
        what, entry = activation.last
        if entry is None or activation.events >= _EVENTS_OF_END:
            return False
        if not self._oracle.program.blocks[entry.block_id].is_async:
            return False
        if what == "enter":
            return self._oracle.matches(frame, entries[:-1], contexts)
        return self._oracle.matches(frame, [*entries, entry], contexts, vague=True)

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
