"""Runs a line of Python in a frame as if it stood there.

The functions that a line makes, its lambdas, comprehensions and classes among them, see the
variables of the frame. `exec` with a dictionary of locals doesn't give them that: what is nested in
the code finds globals only. So such a line is compiled as the body of a function that is nested in
another one, which has the variables:

    def <line>():
        words = factor = None
        def <module>():
            nonlocal words, factor
            ...

Of that, the inner code is taken, and called with cells that hold what the frame's variables hold.
What the line has changed in them is carried back. (From 3.13 on the standard debugger does the like
for statements. If such a line fails there, it is run twice.) The functions that one stop's lines
have made share their cells, and see what is assigned at that stop later on.

Nothing is compiled in this way that doesn't need it: `locals`, for one, gives a copy then.
"""

from __future__ import annotations

import ast
import functools
from types import CellType, CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, MutableMapping, Optional, Sequence, Set

    Namespace = MutableMapping[str, Any]
    Cells = Dict[str, CellType]

_OUTER, _INNER = "<line>", "<module>"
_PREFIX = f"{_OUTER}.<locals>.{_INNER}.<locals>."
_SHOW = "__import__('sys').displayhook(_)"
_SEES_ALL = frozenset(("dir", "eval", "exec", "locals", "vars"))
"""Builtins for which all variables count, whether the line names them or not."""

_SCOPES = (ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef, ast.Lambda)


class Line:
    """A line of Python, or several that are one statement.

    Args:
        source: Its text.
        mode: As that of `compile`: ``"single"`` shows the values of its expressions, ``"eval"`` has
            a value, ``"exec"`` does neither.

    Raises:
        SyntaxError: It isn't Python.
    """

    def __init__(self, source: str, mode: str = "single") -> None:
        self.mode = mode
        self.file = "<string>" if mode == "exec" else "<stdin>"
        text = source.strip() if mode == "eval" else source + "\n"
        tree: Any = compile(text, self.file, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
        self.tree = tree
        self.awaits: bool = _awaits(self.tree)
        self._code: Optional[CodeType] = None
        if self.awaits:
            _refuse_outside_function(self.tree)
            _inner_code(self, ())  # for what else is no Python
        elif not _binds_elsewhere(self.tree):
            self._code = compile(tree, self.file, mode, dont_inherit=True)

    def needs_function(self, variables: Dict[str, Any], namespace: Namespace, cells: Cells) -> bool:
        """Whether there is code in it that `exec` would give no locals, or not those in cells."""
        if self._code is None:
            return True
        if namespace is variables:
            return False
        is_nested = any(isinstance(const, CodeType) for const in self._code.co_consts)
        return is_nested or (bool(cells) and not self.names(namespace).isdisjoint(cells))

    def run(self, variables: Dict[str, Any], namespace: Namespace, cells: Cells) -> Any:
        """Run it. The value is that of an expression, or ``None``.

        Args:
            variables: The globals.
            namespace: The locals.
            cells: Those that earlier lines have made of the same locals. New ones are added.
        """
        if self.needs_function(variables, namespace, cells):
            with Carried(self, namespace, cells) as carried:
                return carried.function(variables)()
        assert self._code is not None
        with Carried(None, namespace, cells):
            return eval(self._code, variables, namespace)  # noqa: S307

    async def run_async(self, variables: Dict[str, Any], namespace: Namespace, cells: Cells) -> Any:
        """The same, for a line that awaits."""
        with Carried(self, namespace, cells) as carried:
            return await carried.function(variables)()

    def names(self, namespace: Namespace) -> Set[str]:
        """The variables of ``namespace`` that it can see, and those that it binds."""
        used: Set[str] = set()
        for node in ast.walk(self.tree):
            used.add(getattr(node, "id", ""))
            used.update(node.names if isinstance(node, (ast.Nonlocal, ast.Global)) else ())
        found = set(_bound(self.tree))
        found.update(namespace if used & _SEES_ALL else used.intersection(namespace))
        for node in _walk_scope(self.tree):
            found.difference_update(node.names if isinstance(node, ast.Global) else ())
        return {name for name in found if name.isidentifier()}


@functools.lru_cache(maxsize=64)
def expression(source: str) -> Line:
    """An expression, which may be one on display: these are asked for at each stop.

    Raises:
        SyntaxError: It isn't Python.
    """
    return Line(source, "eval")


class Carried:
    """Cells with the variables of a frame, whose changes go back into its namespace in the end.

    Args:
        line: What is going to run, if it needs cells of its own.
        namespace: The variables.
        cells: As for `Line.run`.
    """

    def __init__(self, line: Optional[Line], namespace: Namespace, cells: Cells) -> None:
        self.line = line
        self.namespace = namespace
        self.cells = cells
        self.names: List[str] = [] if line is None else sorted(line.names(namespace))

    def __enter__(self) -> Carried:
        for name in self.names:
            self.cells.setdefault(name, CellType())
        _refresh(self.cells, self.namespace)
        self._before = _contents(self.cells)
        return self

    def __exit__(self, *exc: object) -> None:
        after = _contents(self.cells)
        for name, value in after.items():
            if self._before.get(name, self) is not value:
                self.namespace[name] = value
        for name in self._before:
            if name not in after:
                del self.namespace[name]
        _refresh(self.cells, self.namespace)

    def function(self, variables: Dict[str, Any]) -> Callable[[], Any]:
        """The line as a function."""
        assert self.line is not None
        code = _inner_code(self.line, self.names)
        closure = tuple(self.cells[name] for name in code.co_freevars)
        return FunctionType(code, variables, _INNER, None, closure or None)  # PyPy takes no ()


def is_complete(source: str) -> bool:
    """Whether nothing needs to follow.

    Raises:
        SyntaxError: It isn't Python.
    """
    import codeop
    import re
    import warnings

    # That variable is one of the frame, which the compiler doesn't know here.
    source = re.sub(r"\bnonlocal\b", "global", source)
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compiler(source, "<stdin>", "single") is not None


def _refresh(cells: Cells, namespace: Namespace) -> None:
    """Let the cells hold what the variables hold."""
    for name, cell in cells.items():
        if name in namespace:
            cell.cell_contents = namespace[name]
        else:
            del cell.cell_contents


def _contents(cells: Cells) -> Dict[str, Any]:
    found = {}
    for name, cell in cells.items():
        try:
            found[name] = cell.cell_contents
        except ValueError:  # it is empty
            continue
    return found


def _inner_code(line: Line, names: Sequence[str]) -> CodeType:
    """The code of a line as a function in which ``names`` are free variables."""
    import copy

    keyword = "async def" if line.awaits else "def"
    whole: Any = ast.parse(f"def outer():\n {keyword} inner(): pass")
    for node in ast.walk(whole):
        if hasattr(node, "lineno"):
            vars(node).update(lineno=1, end_lineno=1)
    outer = whole.body[0]
    inner = outer.body[0]
    outer.name, inner.name = _OUTER, _INNER
    inner.body = _body(copy.deepcopy(line.tree), line.mode)
    if names:
        inner.body.insert(0, ast.Nonlocal(list(names)))
        targets: List[Any] = [ast.Name(name, ast.Store()) for name in names]
        outer.body.insert(0, ast.Assign(targets, ast.Constant(None)))
    code = compile(ast.fix_missing_locations(whole), line.file, "exec", dont_inherit=True)
    return _renamed(_only_code(_only_code(code)))


def _body(tree: Any, mode: str) -> List[ast.stmt]:
    if mode == "eval":
        return [ast.Return(tree.body)]
    changed: Any = _InFunction(shows=mode == "single").visit(tree)
    return changed.body or [ast.Pass()]


def _only_code(code: CodeType) -> CodeType:
    return next(const for const in code.co_consts if isinstance(const, CodeType))


def _renamed(code: CodeType) -> CodeType:
    """``code`` where what it makes has the names that it would have at the top of a module."""
    changes: Dict[str, Any] = {"co_consts": tuple(map(_renamed_constant, code.co_consts))}
    name = getattr(code, "co_qualname", None)  # 3.11+
    if name is not None:
        is_line = code.co_name == _INNER and not name.startswith(_PREFIX)
        changes["co_qualname"] = _INNER if is_line else _without_prefix(name)
    return code.replace(**changes)


def _renamed_constant(const: object) -> object:
    if isinstance(const, CodeType):
        return _renamed(const)
    return _without_prefix(const) if type(const) is str else const


def _without_prefix(name: str) -> str:
    return name[len(_PREFIX) :] if name.startswith(_PREFIX) else name


class _InFunction(ast.NodeTransformer):
    """Changes what means something else at the top of a line than in a function.

    There, the value of an expression is shown, and a name with an annotation may be any.
    """

    def __init__(self, *, shows: bool) -> None:
        self.shows = shows

    def visit_Expr(self, node: ast.Expr) -> Any:
        if not self.shows:
            return node
        call: Any = ast.parse(_SHOW).body[0]
        for part in ast.walk(call):
            ast.copy_location(part, node)
        call.value.args = [node.value]
        return call

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if not isinstance(node.target, ast.Name):
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def _stay(self, node: Any) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _stay  # noqa: N815


def _walk_scope(node: ast.AST) -> Any:
    """What belongs to the scope of ``node``: not what is in the functions and classes there."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            yield child
        else:
            yield from _walk_scope(child)


def _awaits(node: ast.AST) -> bool:
    """Whether a statement can only be run by a coroutine."""
    if isinstance(node, (ast.AsyncFor, ast.AsyncWith, ast.Await)):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    if isinstance(node, ast.GeneratorExp):  # of which only the outermost iterable is evaluated
        return _awaits(node.generators[0].iter)
    if isinstance(node, _SCOPES):
        return any(map(_awaits, _evaluated_at_once(node)))
    return any(map(_awaits, ast.iter_child_nodes(node)))


def _binds_elsewhere(tree: ast.AST) -> bool:
    """Whether there is code in it that binds variables of the scope around it.

    To `exec`, that is the module, or it is an error.
    """
    kinds = {type(node) for node in ast.walk(tree)}
    return ast.Nonlocal in kinds or {ast.NamedExpr, ast.comprehension} <= kinds


def _refuse_outside_function(tree: ast.AST) -> None:
    kinds = {type(node) for node in _walk_scope(tree)}
    if not kinds.isdisjoint((ast.Return, ast.Yield, ast.YieldFrom)):
        raise SyntaxError("'return' or 'yield' outside function")


def _evaluated_at_once(node: Any) -> List[ast.AST]:
    """The parts of a definition that aren't in the scope that it makes."""
    parts = [*getattr(node, "decorator_list", ()), *getattr(node, "bases", ())]
    parts += [keyword.value for keyword in getattr(node, "keywords", ())]
    if hasattr(node, "args"):
        parts += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    return parts


def _bound(tree: ast.AST) -> Any:
    """The names that a line binds in its own scope."""
    for node in _walk_scope(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0]
        else:
            for field in ("name", "rest"):  # of `except`, and of the patterns of `match`
                value = getattr(node, field, None)
                if type(value) is str:
                    yield value
