"""Tells whether a typed line that begins with one of our command words is that command, or Python.

``tasks``, ``task``, ``ctx``, ``where`` are common names of variables. The rules:

- The bare word is the command, and so is what is no Python: ``task 3``, ``tasks client``.
- An assignment is Python: ``tasks = 3``, ``task: int = 3``, ``ctx += 1``. So it is if it begins
  with a command of the standard debugger, which itself runs ``next`` at ``n = 1``.
- What directly follows the word as Python only can, ``tasks[0]``, ``ctx.value``, ``task(1)``, is
  Python.
- Anything else that is Python, ``task is None``, ``stack -1``, ``task (1)``, is so if the name is
  in scope.
- An option that the command knows (``where --contexts``) is an option, unless *its* name is in
  scope too.
- A line that begins with ``!`` is always Python; pdb itself sees to that.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Collection

_WORD = re.compile(r"\s*([A-Za-z_]\w*)(.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"\s*(=(?!=)|:(?!=)|(\+|-|\*\*?|//?|%|@|&|\||\^|>>|<<)=)")


def first_word(line: str) -> str:
    """The name that ``line`` begins with, or nothing."""
    match = _WORD.match(line)
    return match.group(1) if match else ""


def is_python(line: str, options: Collection[str], in_scope: Callable[[str], bool]) -> bool:
    """Whether a line that begins with a command's word is a Python statement all the same.

    Args:
        line: The line as typed.
        options: The options that the command knows, such as ``--contexts``.
        in_scope: Tells whether a name is that of a variable where the statement would run.
    """
    match = _WORD.match(line)
    if not match:
        return True
    word, rest = match.groups()
    if not rest.strip() or rest.lstrip().startswith("#"):
        return False  # "task #3" would be the variable and a comment
    if is_assignment(line):
        return True
    if rest[0] in ".[(":
        return True
    if not in_scope(word):
        return False
    option = rest.split()[0]
    if option in options and not in_scope(option.lstrip("-")):
        return False
    return _compiles(line)


def _compiles(line: str) -> bool:
    """Whether ``line`` is Python, or the beginning of some, as far as the grammar goes."""
    import codeop
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "'int' object is not subscriptable"
            codeop.compile_command(line.strip(), "<stdin>", "single")
    except (SyntaxError, ValueError, OverflowError):
        return False
    return True


def is_assignment(line: str) -> bool:
    """Whether ``line`` assigns to the name that it begins with, or to several targets."""
    match = _WORD.match(line)
    if match and _ASSIGNMENT.match(match.group(2)):
        return _compiles(line)
    return "=" in line and _assigns_to_several(line)


def _assigns_to_several(line: str) -> bool:
    """Whether ``line`` is like ``task, other = 1, 2``, or ``task.name = 3``."""
    import ast

    try:
        body = ast.parse(line.strip()).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return bool(body) and isinstance(body[0], (ast.Assign, ast.AugAssign, ast.AnnAssign))
