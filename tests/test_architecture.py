"""How the modules hang together: no circles, and nobody uses what is another module's own.

The order of the layers themselves is checked by import-linter (``nox -s imports``).
"""

from __future__ import annotations

import ast
import functools
import re

from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN

PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")

ALLOWED_UPWARD = re.compile(
    r"stackscope\.model\.(diagnosis|difference|stacks|snapshot|waiting) -> stackscope\.render\..*"
)
"""The only imports that run up: data is asked for its looks, and has them drawn."""


def modules():
    """All modules of ours, by name, with their files."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def is_type_checking(node):
    test = node.test
    if isinstance(test, ast.Attribute) and getattr(test.value, "id", "") == "typing":
        return test.attr == "TYPE_CHECKING"
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def statements_of(tree):
    """The statements of a module that run, but not those for annotations only."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not (isinstance(node, ast.If) and is_type_checking(node)):
            todo += getattr(node, "body", ())
        for name in ("orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, name, ())


def is_import(statement):
    return isinstance(statement, (ast.Import, ast.ImportFrom))


@functools.lru_cache(maxsize=None)
def parsed(path):
    """A module's imports, late ones included, what attributes it assigns, and its docstring.

    A whole tree is large, and is not kept.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = list(statements_of(tree))
    return (
        list(filter(is_import, statements)),
        list(assigned_attributes(statements)),
        ast.get_docstring(tree) or "",
    )


def imports_of(path):
    return parsed(path)[0]


@functools.lru_cache(maxsize=None)
def edges():
    """Which module imports which, as (importer, imported, imported names)."""
    return list(edges_in_files())


def edges_in_files():
    for name, path in MODULES.items():
        for node in imports_of(path):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in MODULES:
                        yield name, alias.name, []
                continue
            assert not node.level, f"{name} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES:
                    yield name, inner, []
                elif node.module in MODULES:
                    yield name, node.module, [alias.name]


def circles(graph):
    """The strongly connected components of more than one module (Kosaraju's algorithm)."""
    order, seen = [], set()

    def visit(start, targets, out):
        todo = [(start, iter(targets(start)))]
        seen.add(start)
        while todo:
            node, following = todo[-1]
            for other in following:
                if other not in seen:
                    seen.add(other)
                    todo.append((other, iter(targets(other))))
                    break
            else:
                todo.pop()
                out.append(node)

    for node in graph:
        if node not in seen:
            visit(node, lambda one: graph[one], order)
    backwards = {node: [] for node in graph}
    for node, targets in graph.items():
        for target in targets:
            backwards[target].append(node)
    seen = set()
    for node in reversed(order):
        if node not in seen:
            component = []
            visit(node, lambda one: backwards[one], component)
            if len(component) > 1:
                yield sorted(component)


def graph_without(is_left_out):
    graph = {name: set() for name in MODULES}
    for importer, imported, _ in edges():
        if imported != importer and not is_left_out(importer, imported):
            graph[importer].add(imported)
    return graph


def is_allowed_upward(importer, imported):
    return bool(ALLOWED_UPWARD.fullmatch(f"{importer} -> {imported}"))


def test_no_circle_of_modules():
    """Late imports count as well: a circle is a circle, whenever it closes."""
    assert list(circles(graph_without(is_allowed_upward))) == []


def test_circles_are_found():
    """Data and drawing are a circle, but for the exception above."""
    found = list(circles(graph_without(lambda importer, imported: False)))
    assert any("stackscope.model.stacks" in circle for circle in found)
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})) == [["b", "c"]]


def test_private_names_stay_in_their_modules():
    taken = [
        f"{importer} imports {name} of {imported}"
        for importer, imported, names in edges()
        for name in names
        if name.startswith("_") and not name.startswith("__")
    ]
    assert taken == []


def assigned_attributes(statements):
    """The names ``x`` of assignments to ``x.attribute``."""
    for node in statements:
        targets = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                yield target.value.id, target.attr


def test_no_global_of_another_module_is_assigned():
    """What others have to say is told by a function of the module that it concerns."""
    found = []
    for name, path in MODULES.items():
        imported = set()
        for node in imports_of(path):
            for alias in node.names:
                full = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
                if full in MODULES:
                    imported.add(alias.asname or alias.name.partition(".")[0])
        for module, attribute in parsed(path)[1]:
            if module in imported:
                found.append(f"{name}: {module}.{attribute}")
    assert found == []


def test_the_files_where_to_change_things_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("\n## Where do I change …\n")[2].partition("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= 20
    for row in rows:
        paths = re.findall(r"`((?:stackscope\w*|docs)/[^`]*)`", row)
        assert paths, row
        for path in paths:
            assert (ROOT / path).exists(), path


def tables():
    """The packages whose docstrings list their modules, with what they list."""
    for name, path in MODULES.items():
        doc = parsed(path)[2]
        if path.name == "__init__.py" and "\n==" in doc:
            yield name, set(re.findall(r"^`(\w+)` ", doc, re.M))


def test_packages_list_their_modules():
    listed = dict(tables())
    assert len(listed) > 20
    for name, modules in listed.items():
        inside = [other for other in MODULES if other.startswith(f"{name}.")]
        assert modules == {other[len(name) + 1 :].partition(".")[0] for other in inside}, name
