"""Functions and where they begin, found in source text: nothing is imported, and nothing run."""

from __future__ import annotations

import ast
import dis
import linecache
import os
import sys
from types import CodeType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

    FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]

MOST_RE_EXPORTS = 5
"""How many modules a name is followed through that one imports from the next."""

_PARTS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where statements are in a statement."""


def functions(filename: str) -> Dict[str, int]:
    """The functions that a file defines.

    Returns:
        Their qualified names without ``<locals>``, each with the line at which it begins to run; if
        there are several of the same name, the last one.
    """
    tree = _tree(filename)
    if tree is None:
        return {}
    codes = {(code.co_name, code.co_firstlineno): code for code in _codes(_compiled(tree))}
    found = {}
    for name, node in _definitions(tree):
        code = codes.get((node.name, _first_line(node)))
        if code is not None:
            found[name] = _line_of_body(code, node)
    return found


def first_line_of_code(code: CodeType) -> int:
    """The line at which a function begins to run."""
    for name, node in _definitions(_tree(code.co_filename) or ast.Module([], [])):
        if name.rpartition(".")[2] == code.co_name and _first_line(node) == code.co_firstlineno:
            return _line_of_body(code, node)
    return code.co_firstlineno


def _tree(filename: str) -> Optional[ast.Module]:
    import warnings

    linecache.checkcache(filename)
    source = "".join(linecache.getlines(filename))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _compiled(tree: ast.Module) -> Optional[CodeType]:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code: CodeType = compile(tree, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return code


def _codes(code: Optional[CodeType]) -> Iterator[CodeType]:
    todo = [code] if code is not None else []
    while todo:
        one = todo.pop()
        yield one
        todo += [inner for inner in one.co_consts if isinstance(inner, CodeType)]


def _definitions(tree: ast.Module) -> Iterator[Tuple[str, FunctionNode]]:
    """All functions in a module, in their order, each with its qualified name."""
    todo: List[Tuple[str, Any]] = [("", node) for node in reversed(tree.body)]
    while todo:
        prefix, node = todo.pop()
        inner = prefix
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{prefix}{node.name}."
            if not isinstance(node, ast.ClassDef):
                yield prefix + node.name, node
        children = [child for part in _PARTS for child in getattr(node, part, ())]
        todo += [(inner, child) for child in reversed(children)]


def _first_line(node: FunctionNode) -> int:
    """What its code says is the first line: that of the first decorator."""
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _line_of_body(code: CodeType, node: FunctionNode) -> int:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    start = body[0].lineno if body else node.body[0].lineno
    decorators = getattr(body[0], "decorator_list", []) if body else []
    start = min([start, *(one.lineno for one in decorators)])
    lines = [line for _, line in dis.findlinestarts(code) if line is not None]
    return next((line for line in lines if line >= start), start)


# --------------------------------------------------------------------------------------- by name


def find_function(name: str, filename: str) -> Optional[Tuple[str, int]]:
    """Where a function begins that ``name`` means at a place in ``filename``.

    Args:
        name: Its qualified name, with or without that of its module.
        filename: The file whose functions come first.
    """
    here = functions(filename)
    if name in here:
        return filename, here[name]
    return find_in_modules(name) or _only_one_so_named(name, filename, here)


def _only_one_so_named(
    name: str, filename: str, known: Dict[str, int]
) -> Optional[Tuple[str, int]]:
    alike = [line for other, line in known.items() if other.endswith("." + name)]
    return (filename, alike[0]) if len(alike) == 1 else None


def find_in_modules(name: str, depth: int = 0) -> Optional[Tuple[str, int]]:
    """Where ``package.module.function`` begins, whether that module has been imported or not."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module, rest = ".".join(parts[:count]), ".".join(parts[count:])
        filename = file_of_module(module)
        if filename is None:
            continue
        line = functions(filename).get(rest)
        if line is not None:
            return filename, line
        origin = _imported_from(module, filename, rest)
        if origin is not None and depth < MOST_RE_EXPORTS:
            found = find_in_modules(origin, depth + 1)
            if found is not None:
                return found
    return None


def _imported_from(module: str, filename: str, name: str) -> Optional[str]:
    """The full name of what a module imports as ``name`` from another one."""
    first, dot, rest = name.partition(".")
    package = module.split(".")
    if os.path.basename(filename) != "__init__.py":
        package.pop()
    tree = _tree(filename)
    for node in tree.body if tree is not None else ():
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) + 1 - node.level] if node.level else []
        for alias in node.names:
            if first == (alias.asname or alias.name):
                return ".".join([*base, *filter(None, [node.module]), alias.name]) + dot + rest
    return None


def file_of_module(name: str) -> Optional[str]:
    """The source file of a module, which isn't imported for that."""
    known = sys.modules.get(name)
    if type(known) is ModuleType:
        filename = vars(known).get("__file__")
    else:
        spec = _spec(name)
        filename = spec.origin if spec is not None and spec.has_location else None
    return filename if isinstance(filename, str) and filename.endswith((".py", ".pyw")) else None


def _spec(name: str) -> Any:
    """How a module would be imported, found without importing the packages that it is in."""
    path: Any = None
    spec: Any = None
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for count in range(1, len(parts) + 1):
        full = ".".join(parts[:count])
        spec = _found_by_finders(full, path)
        path = getattr(spec, "submodule_search_locations", None)
        if spec is None or (path is None and count < len(parts)):
            return None
        # What a namespace package gives itself asks for its parent, as if that were imported.
        path = getattr(path, "_path", path)
    return spec


def _found_by_finders(name: str, path: Any) -> Any:
    for finder in list(sys.meta_path):
        try:
            found = finder.find_spec(name, path)
        except Exception as exc:  # a finder of the program's
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            continue
        if found is not None:
            return found
    return None


def submodules(package: str) -> List[str]:
    """The names of the modules in a package; without a name, of those beside the program."""
    import pkgutil

    path: Any = [*sys.path[:1], os.curdir]
    if package:
        spec = _spec(package)
        path = getattr(spec, "submodule_search_locations", None)
        if path is None:
            return []
        path = list(getattr(path, "_path", path))
    return [info.name for info in pkgutil.iter_modules(path)]


def find_file(filename: str) -> Optional[str]:
    """A file that is named from the current folder, or by the end of a loaded module's path."""
    wanted = filename if filename.endswith((".py", ".pyw")) else filename + ".py"
    if os.path.isfile(wanted):
        return os.path.abspath(wanted)
    end = os.sep + os.path.normpath(wanted)
    found = set()
    for module in list(sys.modules.values()):
        path = vars(module).get("__file__") if type(module) is ModuleType else None
        if isinstance(path, str) and os.path.normpath(path).endswith(end):
            found.add(path)
    return found.pop() if len(found) == 1 else None
