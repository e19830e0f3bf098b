"""How cells are rewritten before they run.

- ``%%stackscope`` leaves the cell to IPython, which knows how to run it: ``await`` at its top
  level, its result, its name in tracebacks. The first line becomes a call that begins to watch.
- ``%stackscope`` on a line of its own shows its result, and has no value: `Out` would keep all that
  a snapshot holds. Where its value is used, as in ``x = %stackscope``, it shows nothing.

Tried on IPython 8.12 to 9.18. Functions that clean up cells run before IPython looks for magics;
while it asks whether a cell is complete, it skips those with side effects, so that a blank line
ends the cell as it does with any other magic (IPython/core/inputtransformer2.py).
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from IPython.core.interactiveshell import InteractiveShell

FIRST_WORD = "%%stackscope"

QUIET = "--quiet "
"""What is put before the options where the value of the magic is used."""


class Rewriting:
    """The rewriting of a shell's cells.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.tree: _Calls = _Calls()
        shell.input_transformers_cleanup.append(without_cell_magic)
        shell.ast_transformers.append(self.tree)

    def undo(self) -> None:
        """Leave cells alone from now on."""
        shell = self.shell
        for added, functions in (
            (without_cell_magic, shell.input_transformers_cleanup),
            (self.tree, shell.ast_transformers),
        ):
            functions[:] = [one for one in functions if one is not added]


def without_cell_magic(lines: List[str]) -> List[str]:
    """Lines of a cell, of which the first one calls the magic if it was ``%%stackscope``."""
    first, *rest = lines or [""]
    words = first.rstrip("\n").split(None, 1)
    if not words or words[0] != FIRST_WORD or not "".join(rest).strip():
        return lines
    options = words[1] if len(words) > 1 else ""
    return [f"get_ipython().run_cell_magic('stackscope', {options!r}, ' ')\n", *rest]


without_cell_magic.has_side_effects = True  # type: ignore[attr-defined]


class _Calls(ast.NodeTransformer):
    """Changes the calls that lines with ``%stackscope`` have become."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not _is_call(node.value):
            return self.generic_visit(node)
        none = ast.Constant(None)
        comparison = ast.Compare(node.value, [ast.Is()], [ast.Constant(None)])
        node.value = ast.IfExp(comparison, none, ast.Constant(None))
        return ast.fix_missing_locations(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _is_call(node):
            line: Any = node.args[1]
            node.args[1] = ast.copy_location(ast.Constant(QUIET + line.value), line)
            return node
        return self.generic_visit(node)


def _is_call(node: ast.AST) -> bool:
    """Whether it is ``get_ipython().run_line_magic('stackscope', '…')``."""
    if not isinstance(node, ast.Call) or len(node.args) != 2:
        return False
    name, line = (getattr(argument, "value", None) for argument in node.args)
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "run_line_magic"
        and isinstance(node.func.value, ast.Call)
        and getattr(node.func.value.func, "id", "") == "get_ipython"
        and name == "stackscope"
        and isinstance(line, str)
    )
