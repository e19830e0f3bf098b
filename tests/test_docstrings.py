"""Docstrings: all that is public has one, it is complete, and it can be read as plain text."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
import textwrap

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN, is_its_turn
from tests.test_public import listed

PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")
PUBLIC = ("stackscope", "stackscope.clock", "stackscope.lowlevel", *PACKAGES[1:])

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$", re.MULTILINE)
ENTRY = re.compile(r"^    (\w[\w, ]*): ", re.MULTILINE)
PAGE = re.compile(r'[Tt]he\s+page\s+"(\w+)"\s+of\s+the\s+documentation')
ELSEWHERE = re.compile(r"example of `(\w+)`|`(\w+)` (?:has an example|makes it|finds it)")
LIKE = re.compile(r"Arguments and result are as in `(\w+)\.(\w+)`|as in `(\w+)\.(\w+)`\.$")
ROLE = re.compile(r":[a-z]+(?::[a-z]+)?:`|^ *\.\. [\w-]+::", re.MULTILINE)
UNIT = re.compile(r"second|part of the work|part of it|time\.time\(\)|by a clock|can be")


# ------------------------------------------------------------------ the public API


def is_ours(thing):
    return getattr(thing, "__module__", "").split(".")[0] in PACKAGES


def function_behind(thing):
    """The function that a public name stands for; None for a class or a constant."""
    from stackscope.extraction.codes import CodeDispatch

    thing = thing.default if isinstance(thing, CodeDispatch) else thing
    return inspect.unwrap(thing) if inspect.isfunction(thing) else None


def members(cls):
    """The public methods and properties that a class has from us, as functions."""
    for base in reversed(cls.__mro__):
        if not is_ours(base):
            continue
        for name, value in vars(base).items():
            inner = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            inner = inner.fget if isinstance(inner, property) else inner
            # What completes a command's arguments is called by the module `cmd` only.
            if inspect.isfunction(inner) and not name.startswith(("_", "complete")):
                yield name, inner


def public_names():
    """All public functions and classes, with the methods of these, by their full names."""
    found = {}
    for module_name in PUBLIC:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and is_ours(thing):
                found[f"{module_name}.{name}"] = thing
                for member, inner in members(thing):
                    found[f"{module_name}.{name}.{member}"] = inner
            elif function_behind(thing) is not None:
                found[f"{module_name}.{name}"] = function_behind(thing)
    return found


NAMES = public_names()


def docstring(thing):
    return inspect.cleandoc(thing.__doc__ or "")


def sections(thing):
    """The sections of a docstring by their titles; the text before them by ``""``."""
    parts = SECTION.split(docstring(thing))
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def entries(text):
    """What a section describes, by name."""
    parts = ENTRY.split("\n" + text)
    return {
        name.strip(): description
        for names, description in zip(parts[1::2], parts[2::2])
        for name in names.split(",")
    }


def described(thing):
    found = sections(thing)
    return {**entries(found.get("Args", "")), **entries(found.get("Attributes", ""))}


def parameters(thing):
    """The parameters that a caller gives."""
    if inspect.isclass(thing) and vars(thing).get("__init__") is None:
        if not hasattr(thing, "__match_args__") and not hasattr(thing, "_fields"):
            return {}  # what `object` or an exception takes
    found = inspect.signature(thing).parameters
    return {name: one for name, one in found.items() if name not in ("self", "cls")}


def raised_in(function):
    """The exceptions that a function itself raises, each as the names of its class and bases."""
    namespace = {**vars(importlib.import_module("builtins")), **function.__globals__}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            cls = namespace.get(getattr(node.exc.func, "id", None))
            if inspect.isclass(cls) and cls is not NotImplementedError:
                yield [base.__name__ for base in cls.__mro__]


def is_hooked(name):
    """Whether it is a method that the standard debugger calls, and describes."""
    return name.startswith("stackscope_pdb.Pdb.")


@IN_TURN
@pytest.mark.parametrize("name", sorted(NAMES))
def test_it_has_a_docstring(name):
    first = docstring(NAMES[name]).partition("\n")[0]
    assert first
    assert is_hooked(name) or first.rstrip().endswith((".", ":")), first


@IN_TURN
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(filter(is_hooked, NAMES))))
def test_the_docstring_is_complete(name):
    thing = NAMES[name]
    found = sections(thing)
    if LIKE.search(found[""]):
        pytest.skip("it says whose arguments it has: see the next test")
    assert [one for one in parameters(thing) if one not in described(thing)] == []
    if inspect.isfunction(thing):
        gives = thing.__annotations__.get("return") not in ("None", None)
        assert "Args" not in found or not gives or "Returns" in found
        told = entries(found.get("Raises", ""))
        for bases in raised_in(thing):
            assert not told.keys().isdisjoint(bases), bases[0]


@IN_TURN
@pytest.mark.parametrize("name", [name for name in NAMES if LIKE.search(docstring(NAMES[name]))])
def test_arguments_are_those_of_another_one(name):
    cls, method = filter(None, LIKE.search(docstring(NAMES[name])).groups())
    other = NAMES[f"stackscope.{cls}.{method}"]
    assert set(parameters(NAMES[name])) <= set(parameters(other))
    assert "Args" in sections(other)


def numbers():
    """The parameters of all public names that are numbers with a fraction."""
    for name, thing in NAMES.items():
        for one, parameter in parameters(thing).items() if not is_hooked(name) else ():
            if "float" in str(parameter.annotation):
                yield name, one


@IN_TURN
@pytest.mark.parametrize(("name", "parameter"), list(numbers()))
def test_numbers_have_units(name, parameter):
    assert UNIT.search(described(NAMES[name])[parameter])


def main_names():
    return [name for name in NAMES if name.rpartition(".")[0] in PUBLIC]


@IN_TURN
@pytest.mark.parametrize("name", main_names())
def test_there_is_an_example(name):
    """The docstring has one, or says where one is."""
    thing = NAMES[name]
    if "Example" in sections(thing):
        return
    elsewhere = ELSEWHERE.search(docstring(thing))
    if elsewhere:
        other = next(filter(None, elsewhere.groups()))
        assert "Example" in sections(NAMES[f"{name.rpartition('.')[0]}.{other}"])
    else:
        page = PAGE.search(docstring(thing))
        assert page
        shown = (ROOT / "docs" / f"{page[1]}.rst").read_text(encoding="utf-8")
        assert "::" in shown


RUN = """
import doctest, dis, importlib, sys
import stackscope, stackscope.clock, stackscope.lowlevel, stackscope_pdb
from stackscope import *
from stackscope.lowlevel import *
from tests.test_docstrings import NAMES
if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

finder = doctest.DocTestFinder(recurse=False)
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
names = {name: value for name, value in globals().items() if name not in ("NAMES", "RUN")}
for name, thing in {"stackscope": stackscope, **NAMES}.items():
    for test in finder.find(thing, name, module=False, globs=dict(names)):
        if test.examples:
            test.globs["__name__"] = "__main__"
            runner.run(test)
print(runner.tries, "examples")
sys.exit(bool(runner.failures))
"""


def test_examples_are_true():
    """In a process of its own: they register hooks."""
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[-2]) > 250


# ------------------------------------------------------------------ all docstrings


reads_all = pytest.mark.skipif(
    not is_its_turn("docstrings of all modules"), reason="another version reads all modules"
)
"""As `IN_TURN`, but all on the same versions: reading them takes longer than the tests."""


@functools.lru_cache(maxsize=None)
def trees():
    """The modules of the packages, by their paths."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@pytest.fixture(scope="module", autouse=True)
def forgotten_trees():
    """They have 600,000 objects, and each look at the heap in a later test would be slower."""
    yield
    trees.cache_clear()


def base_names(cls):
    for base in cls.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        yield base.attr if isinstance(base, ast.Attribute) else base.id


def is_stub(node):
    """Whether it has no body: a variant of a function's types, or a part of a protocol."""
    *_, last = node.body
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)


EFFECT = ["self", "flow", "ins", "state"]
"""The arguments of what says how an instruction changes the stack. The instruction is its name."""


def is_told_elsewhere(node):
    """Whether the name says all, or the text is that of a command: its help."""
    arguments = [one.arg for one in node.args.args]
    is_magic = any("magic" in ast.dump(one) for one in node.decorator_list)
    return arguments == EFFECT or node.name.startswith("do_") or is_magic


def definitions(node, within=""):
    """The functions and classes in a module or class: (full name, node)."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{within}{one.name}", one
            if isinstance(one, ast.ClassDef):
                yield from definitions(one, f"{within}{one.name}.")
        elif isinstance(one, (ast.If, ast.Try)):
            yield from definitions(one, within)


def without_docstring():
    """What has a name without underscores, and no docstring of its own or of a base class."""
    all_of_them = [
        (path, name, node) for path, tree in trees().items() for name, node in definitions(tree)
    ]
    bases = {}  # by the names of classes, of which some are there several times
    for _, _, node in all_of_them:
        if is_class(node):
            bases.setdefault(node.name, set()).update(base_names(node))
    told = {name for _, name, node in all_of_them if ast.get_docstring(node)}

    def is_told(cls, method):
        above = [cls]
        for one in above:
            above += [base for base in sorted(bases.get(one, ())) if base not in above]
        return any(f"{one}.{method}" in told for one in above)

    for path, name, node in all_of_them:
        if ast.get_docstring(node) or any(part.startswith("_") for part in name.split(".")):
            continue
        if not is_class(node) and (is_stub(node) or is_told_elsewhere(node)):
            continue
        cls, _, method = name.rpartition(".")
        if not (cls and is_told(cls, method)):
            yield f"{path}: {name}"


def is_class(node):
    return isinstance(node, ast.ClassDef)


@reads_all
def test_all_names_have_docstrings():
    assert list(without_docstring()) == []


def constants():
    """The public names that are neither functions nor classes."""
    for module_name in PUBLIC:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            if f"{module_name}.{name}" not in NAMES and name != "__version__":
                yield name
    for module_name, names in listed().items():  # those for front ends
        module = importlib.import_module(module_name)
        for name in sorted(names):
            thing = getattr(module, name)
            if not inspect.isclass(thing) and function_behind(thing) is None:
                yield name


def names_with_text_below():
    for tree in trees().values():
        for node, following in zip(tree.body, tree.body[1:]):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(following, ast.Expr):
                if isinstance(getattr(following.value, "value", None), str):
                    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                    yield from (
                        name.id for one in targets for name in ast.walk(one) if is_name(name)
                    )


def is_name(node):
    return isinstance(node, ast.Name)


@reads_all
def test_constants_have_text_below():
    """The reference shows it: a docstring would be that of the type."""
    found = set(names_with_text_below())
    assert [name for name in constants() if name not in found] == []


def docstrings():
    for path, tree in trees().items():
        yield f"{path}", ast.get_docstring(tree)
        for name, node in definitions(tree):
            if ast.get_docstring(node):
                yield f"{path}: {name}", ast.get_docstring(node)


@reads_all
def test_docstrings_are_plain_text():
    """`help()` shows them as they are, so they have no marks of Sphinx's."""
    assert [name for name, text in docstrings() if text and ROLE.search(text)] == []


@reads_all
def test_pages_that_are_named_exist():
    named = {page for _, text in docstrings() for page in PAGE.findall(text or "")}
    assert len(named) >= 5
    assert [page for page in named if not (ROOT / "docs" / f"{page}.rst").is_file()] == []
