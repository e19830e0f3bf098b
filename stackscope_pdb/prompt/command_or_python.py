"""Tells whether a line that begins with a command's word is that command, or Python.

``tasks``, ``task``, ``ctx``, ``n``, ``c``, ``list`` are common names of variables. The rules:

- The bare word is the command, and so is what is no Python: ``task 3``, ``n``, ``b 12, x == 3``.
- An assignment is Python: ``tasks = 3``, ``n: int = 3``, ``c += 1``.
- Anything else that is Python, ``task is None``, ``n + 1``, ``c, n``, ``list(r)``, is so if the
  name is in scope. The names of builtins are in scope.
- What directly follows one of *our* words as Python only can, ``tasks[0]``, ``ctx.value``, is
  Python, whatever is in scope.
- An option that one of our commands knows (``where --contexts``) is an option, unless *its* name is
  in scope too.
- What stands like an argument after a command that takes an expression is one: ``p -x``, ``p (x)``.
- ``exit()`` and ``quit()`` are those of the debugger.
- A line that begins with ``!`` is always Python; pdb itself sees to that.

A command that runs the program on, or ends it, does so only if it was typed as documented.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Collection, Optional, Sequence

_WORD = re.compile(r"\s*([A-Za-z_]\w*)(.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"\s*(=(?!=)|:(?!=)|(\+|-|\*\*?|//?|%|@|&|\||\^|>>|<<)=)")
_CALL_OF_QUIT = re.compile(r"\s*(exit|quit)\s*\(\s*\d*\s*\)\s*;?\s*$")
_LIKE_ARGUMENT = re.compile(r"\s+([(\[{~]|[-+/*]+[\w(\[.])")
"""With a space before it and none behind: ``-x`` and ``(x)``, but not ``- x``."""

_OPTION = re.compile(r"\s+[-/~.]+\w")
"""What a program may be given on its command line, though it could be Python."""

TAKE_EXPRESSION = frozenset(
    ("debug", "display", "p", "pp", "source", "undisplay", "whatis"),
)
"""Commands of the standard debugger whose argument is an expression."""

NO_ARGUMENT = {
    # commands that run the program on or end it and take no argument, with their full names
    **dict.fromkeys(("s", "step"), "step"),
    **dict.fromkeys(("n", "next"), "next"),
    **dict.fromkeys(("r", "return"), "return"),
    **dict.fromkeys(("c", "cont", "continue"), "continue"),
    **dict.fromkeys(("q", "quit", "exit"), "quit"),
    "interrupt": "interrupt",
    "EOF": "EOF",
}
LINE_ARGUMENT = {
    # commands that run the program on, or move in it, and take the number of a line
    **dict.fromkeys(("unt", "until"), "until"),
    **dict.fromkeys(("j", "jump"), "jump"),
}
WORDS_ARGUMENT = {"run": "run", "restart": "restart"}
"""Commands that run the program anew, and take its arguments."""

TAKES = {
    **{word: f"'{name}' takes no argument" for word, name in NO_ARGUMENT.items()},
    **{word: f"'{name}' takes the number of a line" for word, name in LINE_ARGUMENT.items()},
    **{word: f"'{name}' takes the program's arguments" for word, name in WORDS_ARGUMENT.items()},
}


_MISTYPED = re.compile(r"\s*([A-Za-z_]\w*)(?:\s+[\w-].*)?\s*", re.DOTALL)
"""A word alone, or before what may be its arguments: no ``word = 3``, no ``word(3)``."""

SHORTEST_MEANT = 3
"""How many letters a command needs for a mistyped word to be taken for it."""

ALIKE = 0.75
"""How much of a mistyped word has to be right: for `difflib`."""

VERY_ALIKE = 0.85
"""The same, if it has just the letters of another command."""

_QUESTION = re.compile(r"\s*(\w[^?]*?)\s*(\?\??)\s*$")


def question(debugger: Any, line: str) -> Sequence[str]:
    """The commands that ``EXPRESSION?``, ``EXPRESSION??`` and ``COMMAND?`` stand for, if it is one.

    IPython's debugger has its own ones.
    """
    match = _QUESTION.match(line)
    if match is None or hasattr(debugger, "do_pinfo"):
        return ()
    subject, marks = match.groups()
    if hasattr(debugger, f"do_{subject}") and not debugger.has_variable(subject):
        return (f"help {subject}",)
    if not _is_expression(subject):
        return ()
    return (f"about {subject}", f"source {subject}")[: len(marks)]


def _is_expression(text: str) -> bool:
    import ast

    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def first_word(line: str) -> str:
    """The name that ``line`` begins with, or nothing."""
    match = _WORD.match(line)
    return match.group(1) if match else ""


def meant(debugger: Any, line: str) -> Sequence[str]:
    """The commands that are most like the first word of a line that is neither; mostly one.

    Args:
        debugger: Knows the commands, and the variables of its current frame.
        line: A line that isn't a command, and has failed as Python.
    """
    import keyword

    match = _MISTYPED.fullmatch(line)
    word = match.group(1) if match else ""
    if not word or keyword.iskeyword(word) or debugger.has_variable(word):
        return ()
    return most_like(word, commands_of(debugger))


def commands_of(debugger: Any) -> Sequence[str]:
    """The words that commands of a debugger, or of a class of debuggers, begin with."""
    return [name[3:] for name in dir(debugger) if name.startswith("do_")]


def most_like(word: str, names: Sequence[str]) -> Sequence[str]:
    """Those of ``names`` that ``word`` is probably meant to be: none, one or two."""
    import difflib

    # Of a short word, another one is soon made.
    likely = [name for name in names if len(name) >= SHORTEST_MEANT]
    exchanged = [name for name in likely if sorted(name) == sorted(word)][:1]
    begun = [name for name in likely if name[0] == word[:1]]  # it is seldom the first letter
    close = difflib.get_close_matches(word, begun, 1, VERY_ALIKE if exchanged else ALIKE)
    return [*exchanged, *[name for name in close if name not in exchanged]]


def question_about(names: Sequence[str]) -> str:
    """Asks whether a command was meant that `most_like` gives."""
    return f"Did you mean the command {' or '.join(map(repr, names))}?"


def is_command(debugger: Any, line: str) -> bool:
    """Whether ``line`` is a command of ``debugger``, and not Python in its current frame."""
    from stackscope_pdb.commands import registry

    word = first_word(line)
    if line.lstrip()[:1] == "?":
        return True
    if line.lstrip()[:1] == "!" or not hasattr(debugger, f"do_{word}"):
        return False
    if debugger.curframe is None:
        return not is_assignment(line)
    entry = registry.find(word)
    if entry is not None:
        return not is_python(line, entry.options, debugger.has_variable)
    return not is_python_beside_standard(line, debugger.has_variable)


def is_python(line: str, options: Collection[str], in_scope: Callable[[str], bool]) -> bool:
    """Whether a line that begins with the word of one of our commands is Python all the same.

    Args:
        line: The line as typed.
        options: The options that the command knows, such as ``--contexts``.
        in_scope: Tells whether a name is that of a variable where the statement would run.
    """
    match = _WORD.match(line)
    if not match:
        return True
    word, rest = match.groups()
    if _is_bare(rest):
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


def is_python_beside_standard(line: str, in_scope: Callable[[str], bool]) -> bool:
    """Whether a line that begins with the word of a standard command is Python all the same."""
    match = _WORD.match(line)
    if not match:
        return True
    word, rest = match.groups()
    if _is_bare(rest):
        return False
    if is_assignment(line):
        return True
    if not in_scope(word) and (not _is_builtin(word) or _CALL_OF_QUIT.match(line)):
        return False
    if word in TAKE_EXPRESSION and _LIKE_ARGUMENT.match(rest):
        return False
    return _compiles(line)


def as_documented(line: str) -> str:
    """A line that is a command, as the standard debugger of every version understands it."""
    return "quit" if _CALL_OF_QUIT.match(line) else line


def why_not(line: str) -> Optional[str]:
    """Why a line that is a command would better not be run, if that is so.

    Such as ``n + 1`` without a variable ``n``, which the standard debugger takes for ``next`` up
    to 3.12.
    """
    import keyword

    word = first_word(line)
    rest = line.lstrip()[len(word) :]
    if _is_bare(rest) or _is_as_documented(word, line, rest):
        return None
    takes = TAKES[word]
    if keyword.iskeyword(word) or not _compiles(line):
        return f"{takes}, so nothing was run."
    return f"{takes}, and there is no variable '{word}' here."


def _is_as_documented(word: str, line: str, rest: str) -> bool:
    if word in NO_ARGUMENT:
        return False
    if word in LINE_ARGUMENT:
        return rest.strip().isdecimal() or not _compiles(line)
    if word in WORDS_ARGUMENT:
        return bool(_OPTION.match(rest)) or not _compiles(line)
    return True


def _is_bare(rest: str) -> bool:
    """Whether nothing but a comment follows a word."""
    return not rest.strip() or rest.lstrip().startswith("#")


def _is_builtin(name: str) -> bool:
    import builtins

    return hasattr(builtins, name)


def _compiles(line: str) -> bool:
    """Whether ``line`` is Python, or the beginning of some, as far as the grammar goes."""
    import ast
    import codeop
    import warnings

    source = line.strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "'int' object is not subscriptable"
            try:
                codeop.compile_command(source, "<stdin>", "single")
            except SyntaxError:
                ast.parse(source)  # "n + await x" is none outside a coroutine
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
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
