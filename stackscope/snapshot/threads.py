"""The threads of the process, and what they are called."""

from __future__ import annotations

import sys

from stackscope.interpreter.frames.blocking import owner_of_rlock
from stackscope.interpreter.running import number_in_threading, this_thread, thread_frames
from stackscope.model.snapshot import ThreadNode
from stackscope.model.stacks import Stack, StackSlice
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.snapshot.numbers import natural_order, thread_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Any, Dict, List, Optional, Set, Tuple

    from stackscope.extraction.extraction import Extraction
    from stackscope.model.snapshot import Node

__all__ = ["name_of_thread", "thread_nodes"]


def thread_nodes(extraction: Extraction) -> List[ThreadNode]:
    """All threads that Python code runs in, the calling one first, then the oldest first."""
    nodes = []
    for ident in list(sys._current_frames()):
        thread = _thread(ident)
        is_here = ident == this_thread()
        item: Any = ident if thread is None or _number_of(thread) != ident else thread
        if is_here:
            item = StackSlice()
        elif (
            thread is None and "threading" not in sys.modules
        ):  # nor is the glue that knows numbers
            frames = thread_frames(ident)
            item = StackSlice(outer=frames[0]) if frames else ident
        nodes.append(
            ThreadNode(
                thread,
                0,
                name_of_thread(ident) or f"thread {ident:#x}",
                is_here,
                extraction.stack(item),
                ident,
                instance_attributes(thread).get("_daemonic") is True,
            )
        )
    main = getattr(sys.modules.get("threading"), "_main_thread", None)
    if main is not None and not any(node.thread is main for node in nodes):
        # It runs a function in C that no Python code has called, as at the end of the process.
        number = instance_attributes(main).get("_ident")
        if type(number) is int and _active_threads().get(number) is main:
            name = name_in_threading(main)
            nodes.append(ThreadNode(main, 0, name, False, Stack(main, []), number))
    nodes.sort(key=lambda node: (not node.is_here, _age(node)))
    for node in nodes:
        node.number = 0 if node.thread is None else thread_numbers.of(node.thread)
    return nodes


def _number_of(thread: object) -> object:
    return instance_attributes(thread).get("_ident")


def thread_that_has(lock: object) -> Optional[threading.Thread]:
    """The thread that an ``RLock`` says it belongs to."""
    ident = owner_of_rlock(lock)
    return None if ident is None else _thread(ident)


def owner_has_ended(lock: object) -> bool:
    """Whether the thread that an ``RLock`` says it belongs to is gone: no other can release it.

    A thread that is started in C and calls Python now and then counts as gone in between.
    """
    ident = owner_of_rlock(lock)
    return ident is not None and ident not in sys._current_frames()


def is_main(node: Node) -> bool:
    """Whether a node is that of the main thread."""
    main = getattr(sys.modules.get("threading"), "_main_thread", None)
    return isinstance(node, ThreadNode) and node.thread is not None and node.thread is main


def thread_with_number(ident: int) -> Optional[threading.Thread]:
    """For hooks: the thread that has a number in `sys._current_frames`, if `threading` knows it."""
    return _thread(ident)


def _age(node: ThreadNode) -> Tuple[float, List[Tuple[int, str]]]:
    if node.thread is None:
        return float("inf"), []
    return thread_numbers.known(node.thread) or float("inf"), natural_order(node.name)


def name_of_thread(ident: int) -> Optional[str]:
    """For hooks: find the name of a thread.

    Args:
        ident: The identifier of the thread, as `threading.get_ident` gives it.

    Returns:
        Its name; ``None`` if `threading` doesn't know the thread.

    Example:
        >>> import threading
        >>> name_of_thread(threading.get_ident())
        'MainThread'
    """
    thread = _thread(ident)
    return None if thread is None else name_in_threading(thread)


def name_in_threading(thread: object) -> str:
    """The name of a ``Thread``."""
    name = instance_attributes(thread).get("_name")
    return name if type(name) is str else "?"


def names_of_several() -> Set[str]:
    """The names that more than one thread has."""
    seen: Set[str] = set()
    several: Set[str] = set()
    for thread in list(_active_threads().values()):
        name = name_in_threading(thread)
        (several if name in seen else seen).add(name)
    return several


def is_thread(obj: object) -> bool:
    """Whether an object is a ``Thread``."""
    cls = getattr(sys.modules.get("threading"), "Thread", None)
    return cls is not None and is_instance(obj, (cls,))


def _active_threads() -> Dict[int, threading.Thread]:
    known: Dict[int, threading.Thread] = getattr(sys.modules.get("threading"), "_active", {})
    return known


def _thread(ident: int) -> Optional[threading.Thread]:
    """The thread with that number, without the lock of threading.enumerate(), which may be held."""
    known = _active_threads()
    thread = known.get(ident)
    if thread is None:
        thread = known.get(number_in_threading(ident))
    if thread is None:
        # eventlet 0.40 and newer replaces the main thread there by one with another number.
        main = getattr(sys.modules.get("threading"), "_main_thread", None)
        if is_thread(main) and _number_of(main) == ident:
            thread = main
    return thread
