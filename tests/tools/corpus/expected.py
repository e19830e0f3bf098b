"""What the `with` items of a function must be, from its syntax tree alone."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

Scope = Union[ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Unsure:
    """Stands for a target whose form the reference can't tell (a slice, a folded operator)."""

    def __repr__(self) -> str:
        return "anything"


UNSURE: Any = _Unsure()


@dataclass
class Item:
    """One `with` item."""

    line: int
    #: Last line of its expression and target.
    end_line: int
    is_async: bool
    varname: Any
    #: Within a `finally` suite, which the compiler may copy.
    copied: bool
    #: The compiler may leave it out.
    maybe_dead: bool


class Key(NamedTuple):
    """What a code object and a scope of the syntax tree have in common."""

    name: str
    line: int


def scopes_of(tree: ast.Module) -> Dict[Key, List[List[Item]]]:
    """The `with` items of every scope of a module; several if two scopes look the same."""
    found: Dict[Key, List[List[Item]]] = {}

    def add(scope: Scope, class_name: str) -> None:
        key = Key("<module>", 1) if isinstance(scope, ast.Module) else _key(scope)
        found.setdefault(key, []).append(list(_items(scope.body, class_name)))
        for node, inner_class in _nested_scopes(scope, class_name):
            add(node, inner_class)

    add(tree, "")
    return found


def _key(scope: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]) -> Key:
    first = scope.decorator_list[0].lineno if scope.decorator_list else scope.lineno
    return Key(scope.name, first)


def _nested_scopes(scope: ast.AST, class_name: str) -> Iterator[Tuple[Any, str]]:
    if isinstance(scope, ast.ClassDef):
        class_name = scope.name
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        if isinstance(node, _NESTED):
            yield node, class_name
        else:
            stack.extend(ast.iter_child_nodes(node))


def _items(
    body: List[ast.stmt], class_name: str, copied: bool = False, dead: bool = False
) -> Iterator[Item]:
    for statement in body:
        if isinstance(statement, _NESTED):
            # `class_name` is for names in the scope itself.
            continue
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                end = item.optional_vars or item.context_expr
                yield Item(
                    statement.lineno,
                    end.end_lineno or end.lineno,
                    isinstance(statement, ast.AsyncWith),
                    render(item.optional_vars, class_name) if item.optional_vars else None,
                    copied,
                    dead,
                )
        for name, suite in _suites(statement):
            never = dead or _never_runs(statement, name)
            yield from _items(suite, class_name, copied or name == "finalbody", never)
        dead = dead or _never_ends(statement)


def _suites(statement: ast.stmt) -> Iterator[Tuple[str, List[ast.stmt]]]:
    for name in ("body", "orelse", "finalbody"):
        suite = getattr(statement, name, None)
        if suite:
            yield name, suite
    for handler in getattr(statement, "handlers", ()):
        yield "handler", handler.body
    for case in getattr(statement, "cases", ()):
        yield "case", case.body


def _never_runs(statement: ast.stmt, name: str) -> bool:
    """Whether the compiler may see that a suite can't run."""
    if isinstance(statement, (ast.If, ast.While)):
        truth = _constant_truth(statement.test)
        return truth is not None and truth is not (name == "body")
    # An `else` after a loop or try that can't end in the ordinary way.
    if name == "orelse":
        return any(_never_ends(s) for s in getattr(statement, "body", ()))
    return False


def _constant_truth(test: ast.expr) -> Optional[bool]:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Name) and test.id == "__debug__":
        return __debug__
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        truth = _constant_truth(test.operand)
        return None if truth is None else not truth
    if isinstance(test, ast.BoolOp):
        known = [_constant_truth(value) for value in test.values]
        decisive = isinstance(test.op, ast.Or)
        if decisive in known:
            return decisive
        return None if None in known else not decisive
    return None


def _never_ends(statement: ast.stmt) -> bool:
    """Whether what follows a statement may be seen to be unreachable."""
    if isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
        return True
    if isinstance(statement, ast.If):
        truth = _constant_truth(statement.test)
        first, second = map(_suite_never_ends, (statement.body, statement.orelse))
        return (first or truth is False) and (second or truth is True)
    if isinstance(statement, ast.While):
        return _constant_truth(statement.test) is True and not _has_break(statement.body)
    if isinstance(statement, ast.Try):
        if _suite_never_ends(statement.finalbody):
            return True
        handled = all(_suite_never_ends(handler.body) for handler in statement.handlers)
        main = _suite_never_ends(statement.body) or _suite_never_ends(statement.orelse)
        return main and handled
    if isinstance(statement, getattr(ast, "Match", ())):
        return all(_suite_never_ends(suite) for _, suite in _suites(statement))
    return False


def _suite_never_ends(suite: List[ast.stmt]) -> bool:
    return any(_never_ends(statement) for statement in suite)


def _has_break(suite: List[ast.stmt]) -> bool:
    for statement in suite:
        if isinstance(statement, ast.Break):
            return True
        if isinstance(statement, (ast.For, ast.AsyncFor, ast.While)):
            if _has_break(statement.orelse):
                return True
        elif not isinstance(statement, _NESTED):
            if any(_has_break(inner) for _, inner in _suites(statement)):
                return True
    return False


def render(target: ast.AST, class_name: str = "") -> Any:
    """The normal form of a target; None if it has none, `UNSURE` if the reference can't tell."""
    if isinstance(target, ast.Name):
        return _mangled(target.id, class_name)
    if isinstance(target, ast.Attribute):
        return _join("{}." + _mangled(target.attr, class_name), [target.value], class_name)
    if isinstance(target, ast.Subscript):
        index = target.slice
        if type(index).__name__ == "Index":  # 3.8
            index = index.value  # type: ignore[attr-defined]
        return _join("{}[{}]", [target.value, index], class_name)
    if isinstance(target, ast.Constant):
        return repr(target.value)
    if isinstance(target, ast.Call):
        if target.keywords:
            return None
        holes = ", ".join("{}" for _ in target.args)
        return _join("{}(" + holes + ")", [target.func, *target.args], class_name)
    if isinstance(target, (ast.Tuple, ast.List)):
        if isinstance(target.ctx, ast.Load) and isinstance(target, ast.List):
            return UNSURE
        holes = ", ".join("{}" for _ in target.elts) + "," * (len(target.elts) == 1)
        return _join("(" + holes + ")", target.elts, class_name)
    if isinstance(target, ast.Starred):
        if isinstance(target.ctx, ast.Load):
            return None
        return _join("*{}", [target.value], class_name)
    if isinstance(target, (ast.UnaryOp, ast.BinOp, ast.Slice)):
        # Perhaps folded to a constant, perhaps an operator.
        return UNSURE
    return None


def _join(template: str, parts: List[Any], class_name: str) -> Any:
    texts = [render(part, class_name) for part in parts]
    if None in texts:
        return None
    if UNSURE in texts:
        return UNSURE
    return template.format(*texts)


def _mangled(name: str, class_name: str) -> str:
    private = name.startswith("__") and not name.endswith("__") and class_name.strip("_")
    return f"_{class_name.lstrip('_')}{name}" if private else name
