"""contextlib: ``@contextmanager`` and ``@asynccontextmanager`` objects, and exit stacks.

The generator of a ``@contextmanager`` is the context's `inner_stack`, until it is exiting: then its
frames follow in the main stack. What an exit stack holds are the context's `children`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from functools import partial
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    BuiltinMethodType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)

from stackscope.extraction.extraction import child_stack, current_extraction
from stackscope.extraction.hooks import elaborate_context, unwrap_context, unwrap_context_generator
from stackscope.interpreter.same_code import same_code
from stackscope.model.records import late_attribute, make_late, taken
from stackscope.model.stacks import Context
from stackscope.safe.objects import class_attribute, instance_attributes
from stackscope.safe.text import argument_texts, name_of, safe_repr
from stackscope.snapshot.entered import entered_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional, Tuple

    from stackscope.model.stacks import Frame, Stack

    Call = Tuple[str, object, Optional[Callable[[], str]]]
    """A method of an exit stack, the object of the entry that it adds, and what gives its arguments
    as text.

    Without that, the argument is the object, a manager.
    """

_new = Context.__new__

LONGEST_NAME = 60
"""Characters of the name of an exit stack to which the numbers of its entries are added."""

# ------------------------------------------------------- generator managers


def elaborate_generator_manager(manager: Any, context: Context) -> None:
    """A manager made by ``@contextmanager``: its arguments, and what its generator does."""
    attributes = instance_attributes(manager)
    generator: Any = attributes.get("gen")
    if _code_of(generator) is None:
        return
    args, kwds = attributes.get("args"), attributes.get("kwds")
    # As a rule, these are deleted when the manager is entered.
    if type(args) is tuple and type(kwds) is dict:
        call = partial(_text_of_call, attributes.get("func"), args, kwds)
        make_late(context, "description", call)
    else:
        context.description = f"{generator.__qualname__}(...)"
    context.inner_stack = None if context.is_exiting else child_stack(generator, for_task=False)


def _text_of_call(function: object, args: Tuple[Any, ...], kwds: Dict[str, Any]) -> str:
    return f"{name_of(function)}({', '.join(argument_texts(args, kwds))})"


def unwrap_generator_manager(manager: Any, context: Context) -> Any:
    """A manager made by ``@contextmanager``: whatever a hook for that very function says."""
    generator = instance_attributes(manager).get("gen")
    code = _code_of(generator)
    hook = None if code is None else unwrap_context_generator.for_code(code)
    if hook is None:
        return None
    frame = _first_frame(generator, context.inner_stack)
    return None if frame is None else hook(frame, context)


def _code_of(generator: Any) -> Optional[CodeType]:
    if type(generator) is GeneratorType:
        return generator.gi_code
    if type(generator) is AsyncGeneratorType:
        return generator.ag_code
    return None


def _first_frame(generator: Any, stack: Optional[Stack]) -> Optional[Frame]:
    """The frame of a generator, even while it is running because its manager is exiting."""
    if stack is not None:
        return stack.frames[0] if stack.frames else None
    extraction = current_extraction()
    pyframe = generator.gi_frame if type(generator) is GeneratorType else generator.ag_frame
    if extraction is None or pyframe is None:
        return None
    return extraction.first_frame(generator)


# -------------------------------------------------------------- exit stacks


def elaborate_exit_stack(stack: Any, context: Context) -> None:
    """An exit stack: what it holds, in the order in which that was added."""
    extraction = current_extraction()
    entries = instance_attributes(stack).get("_exit_callbacks")
    if type(entries) is not deque or extraction is None or extraction.is_under_construction(stack):
        return
    name = context.varname or "_"
    if len(name) > LONGEST_NAME:  # exit stacks in exit stacks: each would add to it
        name = "..."
    children: List[Context] = []
    calls: Dict[int, Call] = {}
    attribute, value = late_attribute(context, "start_line")
    for index, (is_sync, callback) in enumerate(list(entries)):
        call = _call_that_added(callback, is_sync)
        child = _new(Context)  # what isn't set here is as the class says
        child.obj = call[1]
        child.is_async = not is_sync
        child.varname = f"{name}[{index}]"
        setattr(child, attribute, value)
        calls[id(child)] = call
        children.append(child)
    context.children = children

    def describe(child: Context) -> None:
        make = partial(_text_of_entry, name, calls[id(child)], taken(child, "description"))
        make_late(child, "description", make)

    extraction.fill_children(stack, children, describe)


def _text_of_entry(name: str, call: Call, describe: Callable[[], Optional[str]]) -> str:
    """The call that has added an entry to an exit stack.

    Args:
        name: What to call the stack.
        call: The call.
        describe: Gives what the library of the manager says of it.
    """
    method, obj, tell = call
    prefix = "await " if method == "enter_async_context" else ""
    argument = describe() or safe_repr(obj) if tell is None else tell()
    return f"{prefix}{name}.{method}({argument})"


def managers_in(stack: Any) -> List[object]:
    """The context managers that an exit stack has entered."""
    entries = instance_attributes(stack).get("_exit_callbacks")
    if type(entries) is not deque:
        return []
    calls = [_call_that_added(callback, is_sync) for is_sync, callback in list(entries)]
    return [obj for method, obj, _ in calls if method in ENTERS]


ENTERS = ("enter_context", "enter_async_context")
"""The methods of exit stacks that enter something."""


def _call_that_added(callback: Any, is_sync: bool) -> Call:
    """The call that must have added an entry to an exit stack."""
    manager = _manager_of(callback, "__exit__" if is_sync else "__aexit__")
    if manager is not None:
        return ("enter_context" if is_sync else "enter_async_context"), manager, None
    wrapped = _wrapped_callback(callback)
    if wrapped is not None:
        return ("callback" if is_sync else "push_async_callback"), callback, wrapped
    owner = callback.__self__ if type(callback) is MethodType else callback
    return ("push" if is_sync else "push_async_exit"), owner, partial(name_of, callback)


def _manager_of(callback: Any, name: str) -> object:
    """The context manager that ``callback`` is the exit method of, if it is one."""
    # Up to 3.14, an exit stack makes a MethodType of whatever the class of the manager has.
    if type(callback) is MethodType:
        if _is_method_of(callback.__func__, type(callback.__self__), name):
            return callback.__self__
    # From 3.15, it keeps what this gives when bound to the manager.
    elif type(callback) in (BuiltinMethodType, MethodWrapperType) and callback.__name__ == name:
        return callback.__self__
    return None


def _is_method_of(function: Any, cls: type, name: str) -> bool:
    """Whether ``cls.name`` gives ``function``."""
    defined = class_attribute(cls, name)
    if type(defined) in (staticmethod, classmethod):
        defined = defined.__func__
    if type(function) is MethodType:  # of the class
        function = function.__func__
    if defined is None or defined is function:
        return defined is not None
    # Some other descriptor may make a function each time.
    return type(function) in FUNCTIONS and bool(function.__name__ == name)


def _wrapped_callback(wrapper: Any) -> Optional[Callable[[], str]]:
    """What gives a callback with its arguments as text, by the closure that an exit stack made."""
    if type(wrapper) is not FunctionType or not any(
        same_code(wrapper.__code__, code) for code in CALLBACK_WRAPPERS
    ):
        return None
    cells = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__ or ()))
    try:
        callback, args, kwds = (cells[name].cell_contents for name in ("callback", "args", "kwds"))
    except (KeyError, ValueError):  # another version of contextlib; an empty cell
        return None
    return partial(_text_of_callback, callback, args, kwds)


def _text_of_callback(callback: object, args: Tuple[Any, ...], kwds: Dict[str, Any]) -> str:
    return ", ".join([name_of(callback), *argument_texts(args, kwds)])


def _codes_of_callback_wrappers() -> List[CodeType]:
    """The code of the functions that exit stacks wrap around a callback and its arguments."""
    stack = contextlib.AsyncExitStack()
    stack.callback(int)
    stack.push_async_callback(int)  # type: ignore[arg-type]
    entries = instance_attributes(stack).get("_exit_callbacks", ())
    return [callback.__code__ for is_sync, callback in entries if type(callback) is FunctionType]


FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
CALLBACK_WRAPPERS = _codes_of_callback_wrappers()


# ------------------------------------------------------------- installation


def install() -> None:
    """Register what is known about contextlib."""
    elaborate_context.register(contextlib.ExitStack, elaborate_exit_stack)
    elaborate_context.register(contextlib.AsyncExitStack, elaborate_exit_stack)
    entered_by.register(contextlib.ExitStack, managers_in)
    entered_by.register(contextlib.AsyncExitStack, managers_in)
    for cls in _types_of_generator_managers():
        elaborate_context.register(cls, elaborate_generator_manager)
        unwrap_context.register(cls, unwrap_generator_manager)


def _types_of_generator_managers() -> List[type]:
    @contextlib.contextmanager
    def sample() -> Iterator[None]:
        yield

    @contextlib.asynccontextmanager
    async def async_sample() -> AsyncIterator[None]:
        yield

    return [type(sample()), type(async_sample())]
