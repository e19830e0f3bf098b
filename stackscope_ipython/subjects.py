"""What ``%stackscope EXPR`` is about: the value of an expression, or a task by number or name."""

from __future__ import annotations

import ast
import builtins
import sys
from types import FunctionType

import stackscope
from stackscope import Context, Frame, ItemNode, LoopNode, Snapshot, Stack, TaskNode, ThreadNode
from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import traceback_of
from stackscope.safe.text import class_name, describe_exception, safe_repr
from stackscope.snapshot.runtimes import is_task
from stackscope_ipython.errors import Refused
from stackscope_pdb.commands.picking import pick
from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional, Sequence

    from IPython.core.interactiveshell import InteractiveShell

NODES = (TaskNode, ThreadNode, ItemNode)
"""Nodes of a snapshot that have a stack."""

SHOWN_AS_THEY_ARE = (Context, Frame, LoopNode, Snapshot, Stack)
"""What is shown, and not looked into."""

COLLECTIONS = (dict, frozenset, list, set, tuple)
"""The types of what holds several things to be shown. Strangers' classes run code of their own."""

MOST_ITEMS = 100
"""The most things of a list that are shown."""

PACKAGES_OF_COMMAND = ("IPython", "decorator", "stackscope_ipython")
"""Whose code runs the magic."""


class Subjects:
    """Finds what a command is about.

    Args:
        shell: The shell, with the names that an expression may use.
        contexts: Whether to find context managers.
        children: Whether to extract the stacks of child tasks.
    """

    def __init__(self, shell: InteractiveShell, *, contexts: bool, children: bool) -> None:
        self.shell = shell
        self.contexts = contexts
        self.children = children

    def of(self, expression: str) -> Any:
        """What an expression stands for: a stack, a list of stacks, or what is shown as it is.

        Raises:
            Refused: There is nothing of that kind.
        """
        if not self._is_python(expression):
            return self._of_task(expression)
        value = self._evaluated(expression)
        if type(value) is FunctionType and expression.isidentifier():
            return self._of_task(expression, _has_no_stack(value))  # a task may stand in it
        return self.stacks(value, expression)

    def stacks(self, value: object, expression: str) -> Any:
        """The stack of a value; a list of stacks for a list."""
        if type(value) is int or type(value) is str:
            return self._of_task(str(value), _has_no_stack(value))
        if type(value) not in COLLECTIONS:
            return self._one(value)
        members: Any = value.values() if type(value) is dict else value
        found = list(members)
        if not found:
            raise Refused(f"{expression} is empty: there is no stack to show.")
        if len(found) > MOST_ITEMS:
            raise Refused(f"{expression} has {len(found)} items: give at most {MOST_ITEMS}.")
        return [self._one(member) for member in found]

    def _one(self, value: object) -> Any:
        if isinstance(value, NODES):
            return value.stack
        if type(value) in SHOWN_AS_THEY_ARE:
            return value
        stack = self._extracted(value)
        if stack.frames or stack.error is not None:
            return stack
        loop = self._loop(value)
        if loop is None:
            raise Refused(_why_empty(stack))
        return loop

    def _extracted(self, value: object) -> Stack:
        stack = stackscope.extract(
            value, with_contexts=self.contexts, recurse_child_tasks=self.children
        )
        leave_out_command(stack)
        return stack

    # -------------------------------------------------------------- expressions

    def _is_python(self, expression: str) -> bool:
        """Whether it is an expression all of whose names are known, or none that names a task."""
        try:
            tree = ast.parse(expression, mode="eval")
        except (SyntaxError, ValueError, RecursionError):
            return False
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        if isinstance(tree.body, ast.BinOp) and expression in self._names_of_tasks():
            return False  # Task-5, which is no difference
        return all(self._is_known(name) for name in names) or not isinstance(
            tree.body, (ast.Name, ast.BinOp)
        )

    def _is_known(self, name: str) -> bool:
        return any(
            name in names
            for names in (self.shell.user_ns, self.shell.user_global_ns, vars(builtins))
        )

    def _evaluated(self, expression: str) -> object:
        try:
            return self.shell.ev(expression)
        except Exception as exc:
            if interrupts(exc):
                raise
            raise Refused(describe_exception(exc)) from None

    # -------------------------------------------------------------------- tasks

    def _of_task(self, text: str, why_not: str = "") -> Stack:
        """The stack of the task that is meant by a text.

        Args:
            text: The text.
            why_not: What is wrong with it as an expression, as a sentence.

        Raises:
            Refused: There is none, or several might be meant.
        """
        nodes = self._tasks()
        try:
            if not nodes:
                raise CommandError("No task is alive in this process.")
            node = pick(nodes, text, "task")
        except CommandError as exc:
            raise Refused(f"{why_not or _why_not_python(text)} {exc}".strip()) from None
        return self._extracted(node.task) if self.children else node.stack

    def _tasks(self) -> List[TaskNode]:
        snapshot = stackscope.extract_all(with_contexts=self.contexts, threads=self.contexts)
        nodes = list(snapshot.tasks())
        for node in nodes:
            leave_out_command(node.stack)
        return nodes

    def _loop(self, value: object) -> Optional[LoopNode]:
        """The node of an event loop, which has no stack while no task runs in it."""
        snapshot = stackscope.extract_all(with_contexts=self.contexts, threads=self.contexts)
        return next((node for node in snapshot.loops if node.loop is value), None)

    def _names_of_tasks(self) -> List[str]:
        snapshot = stackscope.extract_all(with_contexts=False, threads=False)
        return [node.name for node in snapshot.tasks()]


def _why_empty(stack: Stack) -> str:
    if stack.leaf is not None and not is_task(stack.leaf):
        return _has_no_stack(stack.leaf)
    return f"Nothing runs in {safe_repr(stack.root)}: it has ended, or not begun."


def _has_no_stack(value: object) -> str:
    name = class_name(value)
    article = "An" if name[:1].lower() in "aeiou" else "A"
    return f"{article} {name} has no stack: {safe_repr(value)}."


def _why_not_python(text: str) -> str:
    """Why a text is no expression, if it looks as if it were meant to be one."""
    try:
        compile(text, "<expression>", "eval")
    except (SyntaxError, ValueError) as exc:
        return f"{describe_exception(exc)}."
    return f"NameError: name {text!r} is not defined." if text.isidentifier() else ""


# ------------------------------------------------------------------- this command


def leave_out_command(stack: Stack) -> None:
    """Let a stack that is running end where it runs the magic. It would keep itself alive."""
    kept = list(stack.frames)
    own = [index for index, frame in enumerate(kept) if _is_of_command(frame.pyframe)]
    if not own:
        return
    del kept[own[0] :]
    while kept and _is_of_ipython(kept[-1].pyframe):
        del kept[-1]
    stack.frames = kept


def _is_of_command(frame: FrameType) -> bool:
    from stackscope.snapshot.user_code import package_of

    return package_of(frame) == "stackscope_ipython"


def _is_of_ipython(frame: FrameType) -> bool:
    from stackscope.snapshot.user_code import library_of

    return library_of(frame) in PACKAGES_OF_COMMAND


# ------------------------------------------------------------------ what was last


def last_exception() -> Optional[BaseException]:
    """The last exception whose traceback was shown, but for refusals of magics."""
    exc: Any = getattr(sys, "last_exc", None)
    if exc is None:
        exc = getattr(sys, "last_value", None)
    while type(exc).__name__ == "UsageError":
        exc = getattr(exc, BEFORE, None)
    return exc if isinstance(exc, BaseException) else None


BEFORE = "_stackscope_before"
"""The attribute of a refusal with what was the last exception before it."""


def has_users_code(exc: BaseException) -> bool:
    """Whether an exception has passed code of the user's."""
    from stackscope.snapshot.user_code import library_of

    step = traceback_of(exc)
    while step is not None:
        if not library_of(step.tb_frame):
            return True
        step = step.tb_next
    return False


def interrupted_cells(nodes: Sequence[TaskNode]) -> Iterator[TaskNode]:
    """The tasks that run cells that were interrupted, and stand still since then.

    In a terminal Ctrl-C ends the loop and not the task (IPython/core/async_helpers.py).
    """
    for node in nodes:
        frames = node.stack.frames
        if node.state != "running" and frames and frames[0].funcname == RUNS_CELL:
            yield node


RUNS_CELL = "run_cell_async"
"""The coroutine function of IPython that runs a cell."""
