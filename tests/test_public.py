"""What is public: what `docs/public.rst` says is there, and nobody outside uses anything else."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

import stackscope
import stackscope.clock
import stackscope.lowlevel
from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

PAGE = ROOT / "docs" / "public.rst"
FRONT_ENDS = ("stackscope_pdb", "stackscope_ipython")


def listed():
    """The names that the page lists for front ends, by module."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition("\nFor front ends\n")[2].partition("\nPrivate\n")[0]
    found = {}
    for module, names in re.findall(r"^``(stackscope\.[\w.]+)``\n((?:   .*\n)+)", section, re.M):
        found[module] = set(re.findall(r"``(\w+)``", names))
    return found


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def names_used_in(path):
    """What a module uses of `stackscope`, as (module, name)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {}  # local names of modules
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stackscope":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if is_module(inner):
                    modules[alias.asname or alias.name] = inner
                else:
                    yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "stackscope":
                    modules["stackscope"] = "stackscope"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *rest = dotted(node) or [""]
            if first in modules:
                module = modules[first]
                while rest and is_module(f"{module}.{rest[0]}"):
                    module, rest = f"{module}.{rest[0]}", rest[1:]
                if rest:
                    yield module, rest[0]


def dotted(node):
    """``a.b.c`` as a list of names; nothing for other expressions."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return inner and [*inner, node.attr]
    return [node.id] if isinstance(node, ast.Name) else []


def used_by_front_ends():
    found = {}
    for package in FRONT_ENDS:
        for path in (ROOT / package).rglob("*.py"):
            for module, name in names_used_in(path):
                found.setdefault(module, set()).add(name)
    return found


@IN_TURN
def test_front_ends_use_what_is_public():
    used = used_by_front_ends()
    assert used.pop("stackscope") <= set(stackscope.__all__)
    assert used.pop("stackscope.lowlevel") <= set(stackscope.lowlevel.__all__)
    assert used == listed()


@pytest.mark.parametrize("module", sorted(listed()))
def test_what_is_listed_exists(module):
    found = importlib.import_module(module)
    assert [name for name in listed()[module] if not hasattr(found, name)] == []


def packages():
    for name in ("stackscope", *FRONT_ENDS):
        for path in (ROOT / name).rglob("__init__.py"):
            yield path.parent.relative_to(ROOT).as_posix().replace("/", ".")


@pytest.mark.parametrize("name", sorted(packages()))
def test_private_packages_say_so(name):
    doc = ast.get_docstring(
        ast.parse(ROOT.joinpath(*name.split("."), "__init__.py").read_text(encoding="utf-8"))
    )
    outermost = ".".join(name.split(".")[:2])
    has_names = any(f"{module}.".startswith(f"{outermost}.") for module in listed())
    if "." not in name:
        assert not doc.startswith("Private")
    elif name == outermost:
        assert doc.startswith(
            "Private, but for what docs/public.rst lists." if has_names else "Private."
        ), doc


def test_all_public_names_are_in_the_reference():
    reference = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")
    described = set(re.findall(r"^\.\. auto\w+:: stackscope\.(\w+)$", reference, re.M))
    modules = {"clock", "lowlevel"}
    assert described - modules == set(stackscope.__all__) - {"__version__"}
    for name in modules:
        assert f".. automodule:: stackscope.{name}\n   :members:\n" in reference


def test_all_public_names_exist():
    for module in (stackscope, stackscope.clock, stackscope.lowlevel):
        for name in module.__all__:
            assert getattr(module, name, None) is not None, name
    assert {*stackscope.__all__, "lowlevel"} <= set(dir(stackscope))
