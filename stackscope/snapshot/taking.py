"""Takes a snapshot: everything in the process that has a stack.

It asks the runtimes that glue has registered for their loops and tasks, which may be in any thread
and need not be running; puts each task under the task that owns it, or else under the first one
that waits for it; and adds the threads, and what the registered finders find. What a runtime can't
tell costs that detail, and nothing else.
"""

from __future__ import annotations

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.collector import without_collections
from stackscope.interpreter.frames.calling import called_in_c
from stackscope.interpreter.heap import frozen_objects
from stackscope.interpreter.running import this_thread
from stackscope.model.snapshot import FailedTask, ItemNode, LoopNode, Snapshot, TaskNode
from stackscope.model.stacks import Stack
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.asking import Asking
from stackscope.snapshot.circles import find_circles
from stackscope.snapshot.holding import Holding
from stackscope.snapshot.looking import Looking
from stackscope.snapshot.numbers import item_numbers, task_numbers
from stackscope.snapshot.owners import TaskTrees
from stackscope.snapshot.runtimes import found_by, known_finders, make_runtimes, types_of
from stackscope.snapshot.subjects import subject_of
from stackscope.snapshot.survey import Survey
from stackscope.snapshot.threads import name_of_thread, thread_nodes
from stackscope.snapshot.times import Times
from stackscope.snapshot.user_code import calls_below_user, name_of_call
from stackscope.snapshot.wait_graph import WaitGraph
from stackscope.snapshot.waits import describe_thread, describe_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Container, Dict, List, Optional, Sequence

    from stackscope.model.snapshot import Node
    from stackscope.snapshot.runtimes import Asked, FoundItem, RegisteredFinder

__all__ = ["take_snapshot"]


def take_snapshot(
    caller: Optional[FrameType],
    with_contexts: bool = True,
    threads: bool = True,
    tasks: bool = True,
    *,
    interrupts: bool = False,
    progress: Optional[Callable[[float], object]] = None,
) -> Snapshot:
    """`stackscope.extract_all` as if ``caller`` had called it, once the glue is ready.

    Args:
        caller: Where the stack of this thread ends.
        with_contexts: As for `extract_all`.
        threads: As for `extract_all`.
        tasks: As for `extract_all`.
        interrupts: Whether ``caller`` has been interrupted by a signal. Then it may be waiting.
        progress: As for `extract_all`.
    """
    extraction = Extraction(with_contexts, False, caller)
    arguments = (extraction, threads, tasks, interrupts, Looking(progress))
    snapshot: Snapshot = without_collections(extraction.complete, _take, *arguments)
    return snapshot


def _take(
    extraction: Extraction, threads: bool, tasks: bool, interrupts: bool, looking: Looking
) -> Snapshot:
    runtimes = make_runtimes() if tasks else []
    types = [cls for runtime in runtimes for cls in runtime.types()]
    finders = known_finders() if threads else []
    for finder in finders:
        types += types_of(finder.types) if finder.asks_survey else []
    survey = Survey(types, extraction.caller)
    trees = TaskTrees(extraction, looking)
    loops = [
        _loop_node(trees, runtime, loop, survey)
        for runtime in runtimes
        for loop in runtime.loops(survey)
    ]
    times = Times()
    for node in looking.described(trees.nodes.values()):
        _describe(trees, node)
        attempt(None, times.add_to, node)
    for loop in loops:
        _tell_lateness_by_tasks(loop)
    found_threads = thread_nodes(extraction) if threads else []
    items = _items(extraction, finders, survey, trees)
    others: List[Node] = [*found_threads, *[node for top in items for node in top.walk()]]
    trees.add_others(others)
    asking = Asking(trees.nodes.values() if found_threads else ())
    for thread in found_threads:
        if interrupts or not thread.is_here:
            thread.waiting = attempt(None, describe_thread, thread.stack, trees.inside.objects)
        if thread.waiting is None and not thread.is_here:
            thread.waiting = attempt(None, asking.describe, thread)
        if thread.waiting is None and (interrupts or not thread.is_here):
            thread.calls = attempt("", _call_in, thread.stack)
    nodes = [*trees.nodes.values(), *others]
    attempt(None, Holding(extraction, nodes, trees.inside).name_holders)
    WaitGraph(trees.nodes).hang_awaited(loops)
    loops.sort(key=lambda node: (not node.is_here, not node.is_running))
    snapshot = Snapshot(loops, found_threads, items, find_circles(nodes, loops))
    snapshot.frozen = frozen_objects() if types or finders else 0
    trees.inside.forget()
    return snapshot


def _loop_node(trees: TaskTrees, runtime: Asked, loop: object, survey: Survey) -> LoopNode:
    late = runtime.seconds_late(loop)
    ident = runtime.thread(loop, survey)
    node = LoopNode(
        loop,
        runtime.name,
        None if ident is None else name_of_thread(ident) or f"thread {ident:#x}",
        runtime.is_running(loop),
        ident is not None and ident == this_thread(),
        trees.add(runtime, loop),
        runtime.noun,
        seconds_late=late if late is not None and late > 0 else None,
        failed=[
            FailedTask(task, task_numbers.of(task), runtime.task_name(task), error)
            for task, error in runtime.failed(loop)
        ],
        to_begin=runtime.to_begin(loop),
    )
    current = trees.nodes.get(id(runtime.current(loop)))
    if current is not None and node.is_running and current.stack.frames:
        node.calls = attempt("", called_in_c, current.stack.frames[-1].pyframe)
    return node


def _call_in(stack: Stack) -> str:
    """The call that the user's innermost line is in, if that line can be told."""
    below = calls_below_user(stack, lambda _: False)
    if below:
        return name_of_call(below[0])
    if not stack.frames:
        return ""
    innermost = stack.frames[-1]
    call = called_in_c(innermost.pyframe)
    return call if innermost.pyframe.f_lineno == innermost.lineno else ""  # it goes on


def _tell_lateness_by_tasks(loop: LoopNode) -> None:
    """For a loop that tells nothing of its timers: by those that its tasks wait for."""
    if loop.seconds_late is not None or not loop.is_running:
        return
    waits = [wait for node in loop.walk() if node.waiting for wait in node.waiting.layers()]
    left = [wait.seconds_left for wait in waits if wait.seconds_left is not None]
    late = -min(left) if left else 0
    loop.seconds_late = late if late > 0 else None


def _describe(trees: TaskTrees, node: TaskNode) -> None:
    """Say of a task what it is about, what it does, and what it waits for."""
    node.subject = subject_of(node.stack)
    task_numbers.set_subject(node.task, node.subject)
    if id(node.task) in trees.current:
        node.state = "running"
        return
    runtime = trees.runtimes[id(node.task)]
    node.state = runtime.state(node.task, node.stack)
    if node.state == "cancelling":
        node.cancel_reason = runtime.cancel_reason(node.task)
    if node.state in ("waiting", "cancelling"):
        node.waiting = attempt(None, describe_wait, node.stack)


def _items(
    extraction: Extraction, finders: Sequence[RegisteredFinder], survey: Survey, trees: TaskTrees
) -> List[ItemNode]:
    """What the finders have found."""
    found = [(finder.kind, found_by(finder, survey)) for finder in finders]
    if not any(items for _, items in found):
        return []
    in_tasks = {id(frame.pyframe) for node in trees.nodes.values() for frame in node.stack.frames}
    return [
        node for kind, items in found for node in _item_nodes(extraction, kind, items, in_tasks)
    ]


def _item_nodes(
    extraction: Extraction, kind: str, found: Sequence[FoundItem], in_tasks: Container[int]
) -> List[ItemNode]:
    """What a finder has found, as trees; but for what is shown as a part of some task."""
    nodes: Dict[int, ItemNode] = {}
    for one in found:
        thread = None
        if type(one.owner) is int:
            thread = name_of_thread(one.owner) or f"thread {one.owner:#x}"
        stack = Stack(one.item, []) if one.is_running else extraction.stack(one.item)
        if stack.error is not None and not stack.frames:  # it has been switched to meanwhile
            stack = Stack(one.item, [])
            one.state, one.is_running = "running elsewhere", True
        innermost = stack.frames[-1].pyframe if stack.frames else one.called_by
        if id(innermost) in in_tasks:
            continue
        node = nodes[id(one.item)] = ItemNode(
            kind, one.item, item_numbers.of(one.item), one.name, one.state, stack, thread, []
        )
        if one.called_by is None and not one.state.startswith("running"):
            node.waiting = attempt(None, describe_wait, stack)
    tops: List[ItemNode] = []
    for one in found:
        if id(one.item) not in nodes:
            continue
        parent = nodes.get(id(one.owner))
        above = tops if parent is None else parent.children
        above.append(nodes[id(one.item)])
    return tops
