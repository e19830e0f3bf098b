"""Takes a snapshot: everything in the process that has a stack.

It asks the runtimes that glue has registered for their loops and tasks, which may be in any thread
and need not be running; puts each task under the task that owns it, or else under the first one
that waits for it; and adds the threads, and what the registered finders find. What a runtime can't
tell costs that detail, and nothing else.
"""

from __future__ import annotations

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.heap import frozen_objects
from stackscope.interpreter.running import this_thread
from stackscope.model.snapshot import FailedTask, ItemNode, LoopNode, Snapshot, TaskNode
from stackscope.model.stacks import Stack
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.circles import find_circles
from stackscope.snapshot.holding import Holding
from stackscope.snapshot.numbers import item_numbers, task_numbers
from stackscope.snapshot.owners import TaskTrees
from stackscope.snapshot.runtimes import found_by, known_finders, make_runtimes, types_of
from stackscope.snapshot.survey import Survey
from stackscope.snapshot.threads import name_of_thread, thread_nodes
from stackscope.snapshot.wait_graph import WaitGraph
from stackscope.snapshot.waits import describe_thread, describe_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, List, Optional, Sequence

    from stackscope.model.snapshot import Node
    from stackscope.snapshot.runtimes import Asked, FoundItem

__all__ = ["take_snapshot"]


def take_snapshot(
    caller: Optional[FrameType],
    with_contexts: bool = True,
    threads: bool = True,
    tasks: bool = True,
) -> Snapshot:
    """`stackscope.extract_all` as if ``caller`` had called it, once the glue is ready."""
    extraction = Extraction(with_contexts, False, caller)
    return extraction.complete(_take, extraction, threads, tasks)


def _take(extraction: Extraction, threads: bool, tasks: bool) -> Snapshot:
    runtimes = make_runtimes() if tasks else []
    types = [cls for runtime in runtimes for cls in runtime.types()]
    finders = known_finders() if threads else []
    for finder in finders:
        types += types_of(finder.types)
    survey = Survey(types, extraction.caller)
    trees = TaskTrees(extraction)
    loops = [
        _loop_node(trees, runtime, loop, survey)
        for runtime in runtimes
        for loop in runtime.loops(survey)
    ]
    for node in trees.nodes.values():
        _describe(trees, node)
    found_threads = thread_nodes(extraction) if threads else []
    items: List[ItemNode] = []
    for finder in finders:
        items += _item_nodes(extraction, finder.kind, found_by(finder, survey))
    others: List[Node] = [*found_threads, *[node for top in items for node in top.walk()]]
    trees.add_others(others)
    for thread in found_threads:
        thread.waiting = attempt(None, describe_thread, thread.stack, trees.inside.objects)
    nodes = [*trees.nodes.values(), *others]
    attempt(None, Holding(extraction, nodes, trees.inside).name_holders)
    WaitGraph(trees.nodes).hang_awaited(loops)
    loops.sort(key=lambda node: (not node.is_here, not node.is_running))
    snapshot = Snapshot(loops, found_threads, items, find_circles(nodes, loops))
    snapshot.frozen = frozen_objects() if types else 0
    return snapshot


def _loop_node(trees: TaskTrees, runtime: Asked, loop: object, survey: Survey) -> LoopNode:
    ident = runtime.thread(loop, survey)
    return LoopNode(
        loop,
        runtime.name,
        None if ident is None else name_of_thread(ident) or f"thread {ident:#x}",
        runtime.is_running(loop),
        ident is not None and ident == this_thread(),
        trees.add(runtime, loop),
        runtime.noun,
        failed=[
            FailedTask(task, task_numbers.of(task), runtime.task_name(task), error)
            for task, error in runtime.failed(loop)
        ],
        to_begin=runtime.to_begin(loop),
    )


def _describe(trees: TaskTrees, node: TaskNode) -> None:
    """Say of a task what it does, and what it waits for."""
    if id(node.task) in trees.current:
        node.state = "running"
        return
    runtime = trees.runtimes[id(node.task)]
    node.state = runtime.state(node.task, node.stack)
    if node.state == "cancelling":
        node.cancel_reason = runtime.cancel_reason(node.task)
    if node.state in ("waiting", "cancelling"):
        node.waiting = attempt(None, describe_wait, node.stack)


def _item_nodes(extraction: Extraction, kind: str, found: Sequence[FoundItem]) -> List[ItemNode]:
    """What a finder has found, as trees."""
    nodes: Dict[int, ItemNode] = {}
    for one in found:
        thread = None
        if type(one.owner) is int:
            thread = name_of_thread(one.owner) or f"thread {one.owner:#x}"
        stack = Stack(one.item, []) if one.is_running else extraction.stack(one.item)
        nodes[id(one.item)] = ItemNode(
            kind, one.item, item_numbers.of(one.item), one.name, one.state, stack, thread, []
        )
    tops: List[ItemNode] = []
    for one in found:
        parent = nodes.get(id(one.owner))
        above = tops if parent is None else parent.children
        above.append(nodes[id(one.item)])
    return tops
