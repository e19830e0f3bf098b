"""Colours for a simple line of source text, as `stackscope_pdb.output.highlight` gives them.

The first stop of a program shows one line. Importing Pygments and compiling its expressions for
that takes as long as all else that is done for it. Most lines have nothing but names, numbers,
short strings and operators. Here these are told apart by one expression; of all others nothing is
said.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

_TOKEN = re.compile(
    r"""
    (?P<comment> \#.* )
    | (?P<string> '[^'"\\%{}]*'(?!['"]) | "[^'"\\%{}]*"(?!['"]) )
    | (?P<number> [0-9]+ (?:\.[0-9]+)? (?![\w.]) )
    | (?P<name> [A-Za-z_]\w* (?!['"]) )
    | (?P<other> [ ()\[\]{},:;=+\-*/<>&|^~!%] | \.(?![0-9]) | @(?!\w) )
    """,
    re.VERBOSE | re.ASCII,
)

_KEYWORDS = frozenset(
    ("as", "assert", "async", "await", "break", "continue", "del", "elif", "else", "except")
    + ("finally", "for", "global", "if", "lambda", "nonlocal", "pass", "raise", "return", "try")
    + ("while", "with", "yield")
)
_WORD_OPERATORS = frozenset(("and", "in", "is", "not", "or"))
_CONSTANTS = frozenset(("False", "None", "True"))
_BUILTINS = frozenset(
    ("abs", "aiter", "all", "any", "bin", "bool", "breakpoint", "bytearray", "bytes", "callable")
    + ("chr", "classmethod", "compile", "complex", "delattr", "dict", "dir", "divmod", "enumerate")
    + ("eval", "filter", "float", "format", "frozenset", "getattr", "globals", "hasattr", "hash")
    + ("hex", "id", "input", "int", "isinstance", "issubclass", "iter", "len", "list", "locals")
    + ("map", "max", "memoryview", "min", "next", "object", "oct", "open", "ord", "pow", "print")
    + ("property", "range", "repr", "reversed", "round", "set", "setattr", "slice", "sorted")
    + ("staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip")
)
_OTHERS = frozenset(("case", "class", "def", "from", "import", "match", "frozendict", "sentinel"))
"""What changes the meaning of what follows, or is a builtin only to some versions of Pygments."""


def tokens(line: str) -> Optional[List[Tuple[str, str]]]:
    """The tokens of a line, with what Pygments calls them; ``None`` if the line isn't simple.

    What has no colour is ``""``.
    """
    if line.lstrip()[:1] == "@" or line.split(None, 1)[:1] in (["type"], ["_"]):
        return None
    try:
        return list(_tokens(line))
    except ValueError:
        return None


def _tokens(line: str) -> Iterator[Tuple[str, str]]:
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            raise ValueError
        text, kind = match.group(), match.lastgroup
        if kind == "string":
            parts = filter(None, (text[0], text[1:-1], text[-1]))
            yield from [("Token.Literal.String", part) for part in parts]
        elif kind == "name":
            yield _kind_of_name(text, line[position - 1 : position]), text
        else:
            yield _KINDS.get(kind or "", ""), text
        position = match.end()


_KINDS = {"comment": "Token.Comment.Single", "number": "Token.Literal.Number"}


def _kind_of_name(name: str, before: str) -> str:
    if name in _OTHERS or name.startswith("__"):
        raise ValueError
    if name in _KEYWORDS:
        return "Token.Keyword"
    if name in _WORD_OPERATORS:
        return "Token.Operator.Word"
    if name in _CONSTANTS:
        return "Token.Keyword.Constant"
    return "Token.Name.Builtin" if name in _BUILTINS and before != "." else ""
