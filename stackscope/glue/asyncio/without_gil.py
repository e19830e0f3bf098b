"""asyncio's tasks and futures in C, while other threads run: without the GIL.

Up to 3.13 their getters make references to what the loop's thread may just free. `gc.get_referents`
stops all threads, and gives the fields in order, without those that are empty (``TaskObj_traverse``
and ``FutureObj_traverse`` in Modules/_asynciomodule.c): a task's context, coroutine, name and what
it waits for, then the loop, the first callback and its context, and a list of the other callbacks
with theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc

from stackscope.interpreter.resumable import is_alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple


def guard(readers: Dict[Tuple[int, str], Any]) -> None:
    """Replace the readers of what changes by some that take care of other threads.

    Args:
        readers: those of the private attributes, by the id of the class and the name.
    """
    for cls in {asyncio.Task, asyncio.Future}:
        loop = readers.get((id(cls), "_loop"))
        for name, read_safely in (("_callbacks", _callbacks), ("_fut_waiter", _waiter)):
            read = readers.get((id(cls), name))
            if loop is not None and read is not None:
                readers[id(cls), name] = _guarded(read, read_safely, loop)


def _guarded(
    read: Callable[[Any], Any],
    read_safely: Callable[[List[Any], int], Any],
    loop: Callable[[Any], Any],
) -> Callable[[Any], Any]:
    def read_guarded(future: Any) -> Any:
        if is_alone():
            return read(future)
        fields = gc.get_referents(future)
        # The loop stays the same as long as the future lives.
        its_loop = loop(future)
        place = next((i for i, field in enumerate(fields) if field is its_loop), -1)
        return None if place < 0 else read_safely(fields, place)

    return read_guarded


def _callbacks(fields: List[Any], loop: int) -> Optional[List[Any]]:
    """The callbacks and their contexts, from a future's fields and the index of its loop."""
    following = fields[loop + 1 :]
    if len(following) < 2 or type(following[1]) is not contextvars.Context:
        return None
    others = following[2] if len(following) > 2 and type(following[2]) is list else []
    return [(following[0], following[1]), *others]


def _waiter(fields: List[Any], loop: int) -> object:
    """What a task waits for, from its fields and where its loop is among them."""
    # Before that is its name: a string, or a number as long as nobody has asked for the name.
    waiter = fields[loop - 1]
    return None if loop < 2 or type(waiter) is str or type(waiter) is int else waiter
