"""Changes the code a little, one place at a time, and looks whether the tests notice.

``python -m tests.tools.mutate 30 stackscope/interpreter/heap.py tests/interpreter/test_heap.py``
tries 30 places of a file, chosen by ``--seed``, with the tests that come after it. What no test
notices is printed as a diff: look whether it matters, and add a test if it does.

The changes are made in a copy of the repository, and never in it. Those of comparisons, constants,
conditions and statements are tried; docstrings, annotations, messages and what only stands under
``TYPE_CHECKING`` are left alone.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers.repository import ROOT

COMPARISONS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
REMOVED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Break, ast.Continue, ast.Raise)
PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython", "tests")
COPIED = (*PACKAGES, "docs", "examples", "pyproject.toml")


def main():
    options = parsed()
    path = options.file.resolve().relative_to(ROOT)
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    source = ast.unparse(tree)  # as what is changed will be
    places = list(mutations(tree))
    chosen = random.Random(options.seed).sample(places, min(options.count, len(places)))  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        clone = copied(Path(folder))
        (clone / path).write_text(source, encoding="utf-8")
        if not passes(clone, options):
            sys.exit("The tests fail without any change.")
        survivors = 0
        for line, what, change in sorted(chosen, key=lambda place: place[0]):
            (clone / path).write_text(change(), encoding="utf-8")
            if passes(clone, options):
                survivors += 1
                print(f"NOT NOTICED {path}:{line}: {what}", flush=True)
            else:
                print(f"noticed {path}:{line}: {what}", flush=True)
    print(f"{path}: {survivors} of {len(chosen)} changes were not noticed, of {len(places)} in all")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, help="how many changes to try")
    parser.add_argument("file", type=Path, help="the file to change")
    parser.add_argument("tests", nargs="+", help="what to give to pytest")
    parser.add_argument("--seed", type=int, default=0, help="which changes")
    parser.add_argument("--seconds", type=float, default=120, help="as long as the tests may take")
    return parser.parse_args()


def copied(folder):
    """A copy of what the tests need."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=without)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def passes(clone, options):
    """Whether the tests pass in a copy; those that never end don't."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-n", "0", "--reruns", "0"]
    command += ["-p", "no:cacheprovider", *options.tests]
    env = {**os.environ, "PYTHONPATH": str(clone)}
    try:
        result = subprocess.run(
            command,
            cwd=clone,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=options.seconds,
        )
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


# --------------------------------------------------------------------- changes


def mutations(tree):
    """For each change that can be made: its line, what it is, and what makes the changed source."""
    for node in wanted(tree):
        for what, change in changes_of(node):

            def changed(node=node, change=change):
                twin = copy.deepcopy(tree, {id(node): change()})
                return ast.unparse(ast.fix_missing_locations(twin))

            yield node.lineno, what, changed


def wanted(tree):
    """The nodes that do something."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        todo += [child for child in ast.iter_child_nodes(node) if not is_idle(node, child)]


def is_idle(parent, child):
    """Whether a node is text for people or for checkers of types."""
    if isinstance(parent, ast.If) and isinstance(parent.test, ast.Name):
        return parent.test.id == "TYPE_CHECKING" and child not in parent.orelse
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(parent, (ast.AnnAssign, ast.arg, ast.FunctionDef)):
        annotation = getattr(parent, "annotation", None) or getattr(parent, "returns", None)
        return child is annotation
    return isinstance(child, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom))


def changes_of(node):
    """What can be made of a node: a name of the change, and a function that gives the new node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        other = COMPARISONS[type(node.ops[0])]()
        yield shown(node), lambda: ast.Compare(node.left, [other, *node.ops[1:]], node.comparators)
    if isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield shown(node), lambda: ast.BoolOp(other, node.values)
        yield f"{shown(node)} without its last part", lambda: node.values[0]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield shown(node), lambda: node.operand
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]()
        yield shown(node), lambda: ast.BinOp(node.left, other, node.right)
    if isinstance(node, ast.Constant) and type(node.value) in (bool, int):
        value = not node.value if type(node.value) is bool else node.value + 1
        yield shown(node), lambda: ast.Constant(value)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and shown(node.test) != "TYPE_CHECKING":
        yield f"if {shown(node.test)} is turned round", lambda: turned(node)
    if isinstance(node, REMOVED):
        yield f"{shown(node)} is removed", ast.Pass
    if isinstance(node, ast.Return) and getattr(node.value, "value", node.value) is not None:
        yield f"{shown(node)} without its value", lambda: ast.Return(None)


def turned(node):
    """The same with the opposite condition."""
    twin = copy.copy(node)
    twin.test = ast.UnaryOp(ast.Not(), node.test)
    return twin


def shown(node):
    text = ast.unparse(node).replace("\n", " ")
    return text if len(text) < 70 else f"{text[:70]}…"


if __name__ == "__main__":
    main()
