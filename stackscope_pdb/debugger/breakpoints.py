"""Breakpoints: where a function that isn't there yet will be, and conditions that fail."""

from __future__ import annotations

import bdb
import functools
import os
import re
import sys
from types import FunctionType, MethodType, ModuleType

from stackscope_pdb.debugger.basics import Basics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Tuple

    Place = Tuple[str, int]

_DOTTED = re.compile(r"[^\W\d]\w*(\s*\.\s*[^\W\d]\w*)*$")


class Breakpoints(Basics):
    """The part of a debugger that sets breakpoints."""

    def do_break(self, arg: str, temporary: Any = False) -> None:
        """b(reak) [LOCATION [, CONDITION]]

        Stop whenever the program comes to LOCATION, if CONDITION, an
        expression, is true there. Without arguments, list all breakpoints.

        LOCATION is one of
          LINE                   a line of the current file
          FILE:LINE              such as 'b pkg/sub/work.py:3'
          FUNCTION               the beginning of a function or method,
                                 such as 'b main', 'b Class.method',
                                 'b package.module.function'
          FILE:FUNCTION          such as 'b work.py:main'

        The function need not exist yet, and its module need not have been
        imported: it is looked up in the source. The suffix '.py' may be
        left out. A condition that raises an exception stops the program.
        """
        location, comma, condition = arg.partition(",")
        if comma and location and self._says_invalid(condition.strip()):
            return
        place = self._place(location.strip())
        if place is not None:
            arg = f"{place[0]}:{place[1]}{comma}{condition}"
        super().do_break(arg, temporary)  # type: ignore[arg-type,unused-ignore]

    do_b = do_break

    def do_clear(self, arg: str) -> None:
        """cl(ear) [NUMBER ... | LOCATION]

        Remove breakpoints: those with these numbers, or all at LOCATION,
        which is FILE:LINE or a function as 'break' takes it. Without an
        argument, remove all, after a question.
        """
        place = None if re.match(r"[\d\s]*$", arg) else self._place(arg.strip())
        if place is None:
            super().do_clear(arg)
            return
        breakpoints = list(self.get_breaks(*place))
        error = self.clear_break(*place)
        if error:
            self.error(error)
        for one in breakpoints:
            self.message(f"Deleted {one}")

    do_cl = do_clear

    def _says_invalid(self, condition: str) -> bool:
        try:
            compile(condition, "<stdin>", "eval")
        except (SyntaxError, ValueError) as exc:
            self.error(f"Invalid condition {condition}: {type(exc).__name__}: {exc}")
            return True
        return False

    # -------------------------------------------------------------------------- locations

    def _place(self, location: str) -> Optional[Place]:
        """The file and line of a location; ``None`` where the standard debugger knows it."""
        filename, colon, rest = location.rpartition(":")
        if colon:
            return self._place_in_file(filename.rstrip(), rest.strip())
        if not _DOTTED.match(location):
            return None
        return self._place_of_function(location.replace(" ", ""))

    def _place_in_file(self, filename: str, rest: str) -> Optional[Place]:
        from stackscope_pdb.program import sources

        path = self.lookupmodule(filename)
        if path is None or not os.path.exists(path):
            path = sources.find_file(filename) or sources.file_of_module(filename) or path
        if path is None:
            return None
        path = self.canonic(path)
        line = int(rest) if rest.isdecimal() else sources.functions(path).get(rest)
        return None if line is None else (path, line)

    def _place_of_function(self, name: str) -> Optional[Place]:
        from stackscope_pdb.program import sources

        found, module = self._value_of(name)
        if _is_plain(found):
            return None
        code = getattr(_innermost(found), "__code__", None)
        if code is not None:
            return self.canonic(code.co_filename), sources.first_line_of_code(code)
        place = sources.find_in_modules(module) if module else None
        for filename in self._files_in_use():
            place = place or sources.find_function(name, filename)
        return None if place is None else (self.canonic(place[0]), place[1])

    def _files_in_use(self) -> List[str]:
        """The current file, then those of the other frames, from the innermost one on."""
        from stackscope_pdb.program.machinery import serves_debugger

        frames = [frame for frame, _ in reversed(self.stack) if not serves_debugger(frame)]
        names = [self.defaultFile(), *(frame.f_code.co_filename for frame in frames)]
        names.append(getattr(self, "mainpyfile", ""))
        return [name for name in dict.fromkeys(names) if os.path.exists(name)]

    def _value_of(self, name: str) -> Tuple[object, str]:
        """What a name stands for here as far as no code must run; or its full name, by a module."""
        from stackscope_pdb.prompt.completion import NeedsCode, static_attribute

        first, *rest = name.split(".")
        if not self.curframe or not self.has_variable(first):
            return None, ""
        places: Any = (self.frame_locals(), self.current_frame.f_globals)
        found = next(place[first] for place in places if first in place)
        for index, attribute in enumerate(rest):
            try:
                found = static_attribute(found, attribute)
            except NeedsCode:
                if type(found) is ModuleType:
                    return None, ".".join([found.__name__, *rest[index:]])
                return None, ""
        return found, ""

    # -------------------------------------------------------------------------- completion

    def complete_break(self, text: str, line: str, begidx: int, endidx: int) -> List[str]:
        """What may be where a location is."""
        before = line[:begidx].lstrip().partition(" ")[2].lstrip()
        if "," in before:
            complete: Any = getattr(self, "_complete_expression", None)
            return complete(text, line, begidx, endidx) if complete is not None else []  # type: ignore[no-any-return]
        found = self.locations(before + text)
        return [one[len(before) :] for one in found if one.startswith(before + text)]

    complete_b: Any = complete_break
    complete_tbreak: Any = complete_break
    complete_cl: Any = complete_break
    complete_clear: Any = complete_break

    def locations(self, text: str) -> List[str]:
        """The locations that begin with a text, and what they may begin with."""
        from stackscope_pdb.program import sources

        filename, colon, _ = text.rpartition(":")
        if colon:
            path = self.lookupmodule(filename) or sources.find_file(filename)
            names = sources.functions(path) if path else {}
            return sorted(f"{filename}:{name}" for name in names)
        found = [*sources.functions(self.defaultFile())] if self.curframe else []
        found += _files(text)
        prefix, dot, _ = text.rpartition(".")
        if text and "/" not in text:
            found += [f"{prefix}{dot}{name}." for name in sources.submodules(prefix)]
            path = sources.file_of_module(prefix) if prefix else None
            found += [f"{prefix}.{name}" for name in (sources.functions(path) if path else ())]
        found += self._functions_in_scope(prefix)
        return sorted(set(found))

    def _functions_in_scope(self, prefix: str) -> List[str]:
        from stackscope_pdb.prompt.completion import NeedsCode, static_attribute, static_names

        if not self.curframe:
            return []
        if not prefix:
            near = {**self.current_frame.f_globals, **self.frame_locals()}
            return [name for name, value in near.items() if _is_code(value)]
        value, _ = self._value_of(prefix)
        found = []
        for name in static_names(value) if value is not None else ():
            try:
                if _is_code(static_attribute(value, name)):
                    found.append(f"{prefix}.{name}")
            except NeedsCode:
                pass
        return found

    # -------------------------------------------------------------------------- conditions

    def break_here(self, frame: FrameType) -> bool:
        """Whether there is a breakpoint to stop at; says so if its condition fails."""
        if sys.meta_path is None:
            return False  # as in `stop_here`
        filename = self.canonic(frame.f_code.co_filename)
        lines = self.breaks.get(filename)
        if lines is None:
            return False
        # The line of a function is that of a breakpoint that was set by the function's name.
        for line in (frame.f_lineno, frame.f_code.co_firstlineno):
            if line in lines:
                return self._stops_at(bdb.Breakpoint.bplist[filename, line], frame)
        return False

    def _stops_at(self, breakpoints: List[bdb.Breakpoint], frame: FrameType) -> bool:
        """Whether to stop at one of the breakpoints of a line, as `bdb.effective` says it."""
        for one in breakpoints:
            if not one.enabled or not bdb.checkfuncname(one, frame):
                continue
            one.hits += 1
            holds, failure = _holds(one.cond, frame)
            if failure is not None:
                self.message(f"The condition of breakpoint {one.number} failed: {failure}")
            elif not holds:
                continue
            elif one.ignore > 0:
                one.ignore -= 1
                continue
            self.currentbp: int = one.number
            if one.temporary and failure is None:
                self.do_clear(str(one.number))
            return True
        return False


def _holds(condition: Optional[str], frame: FrameType) -> Tuple[bool, Optional[str]]:
    """Whether a condition is true in a frame, and if it has failed, why."""
    if not condition:
        return True, None
    try:
        # What is nested in it, as a lambda is, finds locals among the globals only.
        variables = {**frame.f_globals, **frame.f_locals}
        return bool(eval(condition, variables, frame.f_locals)), None  # noqa: S307
    except BaseException as exc:
        from stackscope.safe.interruptions import interrupts
        from stackscope.safe.text import describe_exception

        if interrupts(exc):
            raise
        return False, describe_exception(exc)


def _is_plain(value: object) -> bool:
    """Whether the standard debugger finds the code of a function, and it is the one meant."""
    function = value.__func__ if type(value) is MethodType else value
    return type(function) is FunctionType and "__wrapped__" not in vars(function)


def _innermost(value: object) -> object:
    """The function that is behind what decorators have made of it."""
    from stackscope_pdb.prompt.completion import NeedsCode, static_attribute

    for _ in range(100):  # there may be a circle
        if isinstance(value, property):
            value = value.fget
            continue
        if isinstance(value, functools.partial) or type(value).__name__ == "cached_property":
            value = value.func  # type: ignore[attr-defined]
            continue
        if type(value) is MethodType:
            value = value.__func__  # type: ignore[attr-defined,unused-ignore]
        try:
            value = static_attribute(value, "__wrapped__")
        except NeedsCode:
            break
    return value if type(value) is FunctionType else None


def _is_code(value: object) -> bool:
    """Whether ``break`` takes a value, or something in it."""
    return isinstance(value, (type, ModuleType)) or _innermost(value) is not None


def _files(text: str) -> List[str]:
    """The Python files and folders whose names begin with a text."""
    import glob

    found = []
    for name in glob.glob(glob.escape(text) + "*"):
        if os.path.isdir(name):
            found.append(name + os.sep)
        elif name.endswith((".py", ".pyw")):
            found.append(name + ":")
    return found
