"""The contexts that were active in a frame when an exception passed.

By then, the frame has unwound, or runs on elsewhere: all that is left is what its code says, and
its variables. So which blocks were open is exact, and their managers are known only where the code
proves that a variable still holds them.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType

from stackscope.extraction.contexts import note_start_line
from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.frames import local_value
from stackscope.model.stacks import Context
from stackscope.safe.objects import MISSING, class_attribute, namespace_of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from stackscope.interpreter.bytecode import Block
    from stackscope.interpreter.bytecode.keepers import Keeper


def contexts_open_at(frame: FrameType, lasti: int, left: bool) -> List[Context]:
    """The blocks that were open at an instruction, outermost first, as contexts that are past.

    Args:
        frame: the frame, whatever it is doing now.
        lasti: the offset of the instruction, as in a traceback.
        left: whether the exception is known to have left the frame.
    """
    analysis = analyze(frame.f_code)
    site = analysis.past(lasti)
    if site is None:
        return []
    from stackscope.interpreter.bytecode.keepers import find_keepers

    keepers = find_keepers(frame.f_code, analysis, site, left)
    contexts = [_past(frame, live.block, keepers.get(live.block), False) for live in site.live]
    if site.exiting is not None:
        block = site.exiting.block
        contexts.append(_past(frame, block, keepers.get(block), True))
    return contexts


def _past(frame: FrameType, block: Block, keeper: Optional[Keeper], is_exiting: bool) -> Context:
    varname, manager = (block.varname, None) if keeper is None else _manager(frame, block, keeper)
    context = Context(manager, block.is_async, is_exiting, varname)
    note_start_line(context, block)
    context.is_past = True
    return context


def _manager(frame: FrameType, block: Block, keeper: Keeper) -> Tuple[Any, Any]:
    """The name that the context gets, and its manager, if a variable holds that for certain."""
    found, value = local_value(frame, keeper.name)
    cls = type(value)
    if not found or class_attribute(cls, block.exit_name, MISSING) is MISSING:
        return block.varname, None
    if keeper.callee and (
        _called(frame, keeper.callee) is not cls or not _enters_as_itself(cls, block)
    ):
        return block.varname, None
    return keeper.name, value


def _called(frame: FrameType, names: Tuple[str, ...]) -> object:
    """What names lead to in a frame, through modules only."""
    value: Any
    found, value = local_value(frame, names[0])
    if not found:
        scopes: Tuple[Dict[str, object], ...] = (frame.f_globals, frame.f_builtins)
        value = next((dict.get(scope, names[0]) for scope in scopes if names[0] in scope), None)
    for name in names[1:]:
        if type(value) is not ModuleType:
            return None
        value = dict.get(namespace_of_module(value), name)
    return value


def _enters_as_itself(cls: type, block: Block) -> bool:
    """Whether calling ``cls`` gives a new instance of it, which its enter method returns."""
    from stackscope.interpreter.bytecode.keepers import returns_its_argument

    if class_attribute(type(cls), "__call__") is not type.__dict__["__call__"]:
        return False
    new = class_attribute(cls, "__new__")
    # On PyPy those of built-in classes are functions as well; it is told for that of object.
    if type(new) is not BuiltinFunctionType and new is not object.__dict__["__new__"]:
        return False
    enter: Any = class_attribute(cls, "__aenter__" if block.is_async else "__enter__")
    return type(enter) is FunctionType and returns_its_argument(enter.__code__)
