"""What the documentation quotes is there: messages, names, arguments."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap

import pytest

import stackscope
from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")
NO_MESSAGES = re.compile(r"pip |pytest|python |%|<|print\(")
"""How what stands in the same type in headings begins: commands, and what isn't ours."""


def texts():
    """All text in the code of the packages."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def quoted_messages():
    """What the headings of the page on trouble quote, without what differs each time."""
    page = (ROOT / "docs" / "troubleshooting.rst").read_text(encoding="utf-8")
    for heading in re.findall(r"^(\S.*)\n   \S", page, re.MULTILINE):
        for quoted in re.findall(r"``(.+?)``", heading):
            if " " in quoted and not NO_MESSAGES.match(quoted):
                yield quoted


@IN_TURN
def test_messages_that_are_quoted_are_ours():
    code = "\n".join(texts())
    messages = list(quoted_messages())
    assert len(messages) >= 9
    for message in messages:
        for part in re.split(r"…|Process |USR1|program ", message):
            assert part.strip() in code, message


def blocks():
    """The blocks of Python in the recipes."""
    page = (ROOT / "docs" / "recipes.rst").read_text(encoding="utf-8")
    found = re.findall(
        r"^\.\. (?:code-block:: python|testcode::)\n\n((?:   .*\n|\n)+)", page, re.MULTILINE
    )
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("block", blocks())
def test_calls_in_recipes_fit_what_is_called(block):
    for call in ast.walk(ast.parse(block)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        owner = call.func.value
        if isinstance(owner, ast.Name) and owner.id == "stackscope":
            function = getattr(stackscope, call.func.attr)
            keywords = {keyword.arg: None for keyword in call.keywords}
            inspect.signature(function).bind(*call.args, **keywords)


def test_there_are_recipes():
    assert len(blocks()) >= 8


WALK = """
import io, sys, types

sys.path.insert(0, sys.argv[1])
import crew

del crew._stackscope_install_glue_  # what the page writes anew
glue = types.ModuleType("glue")
exec(compile(LOOK, "look.py", "exec"), {"__name__": "__main__"})
for block in GLUE:
    print(chr(12))
    exec(compile(block, "glue.py", "exec"), vars(glue))
    exec(compile(LOOK, "look.py", "exec"), {"__name__": "__main__"})
"""


def walk():
    """The program that looks; the steps of the glue; and before each what is shown until then."""
    page = (ROOT / "docs" / "customizing.rst").read_text(encoding="utf-8")
    page = page[page.index("From an empty file\n") : page.index("Shipping it\n")]
    found = re.findall(
        r"^\.\. code-block:: (\w+)\n(   :class: glue\n)?\n((?:   .*\n|\n)+)", page, re.MULTILINE
    )
    kinds = [(language, textwrap.dedent(text).strip("\n")) for language, _, text in found]
    programs = [text for language, text in kinds if language == "python"]
    shown = [text for language, text in kinds if language == "session"]
    return programs[0], programs[1:], shown


def test_glue_from_an_empty_file():
    """Each step of the page on customizing shows what the page says."""
    look, glue, shown = walk()
    assert len(glue) == 6
    assert len(shown) == 7
    program = f"LOOK = {look!r}\nGLUE = {glue!r}\n{WALK}"
    printed = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "examples")],
        cwd=str(ROOT / "examples"),
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout.replace(str(ROOT / "examples") + os.sep, "")
    for text, step in zip(shown, printed.split(chr(12))):
        # The numbers of tasks count on, and columns with them.
        numbered = re.sub(r"^ +\d+ +", "N ", step, flags=re.MULTILINE)
        for line in text.splitlines():
            line = re.sub(r"^ *N +", "N ", line)
            assert line.strip() in (each.strip() for each in numbered.splitlines()), step


PROMPT = re.compile(r"\(stackscope_pdb ?[^)]*\) ")


def session_of_the_tutorial():
    """The commands of the tutorial, each with the lines that it shows."""
    page = (ROOT / "docs" / "tutorial.rst").read_text(encoding="utf-8")
    steps = []
    for line in re.findall(r"^   (.*)\n", page[page.index("Who waits") :], re.MULTILINE):
        if PROMPT.match(line):
            steps.append((PROMPT.sub("", line, count=1), []))
        else:
            steps[-1][1].append(line)
    return steps


def comparable(line):
    """A line without what differs from one version of Python or one run to the next."""
    line = line.replace(str(ROOT) + os.sep, "").rstrip()
    line = re.sub(r"(asyncio/\w+\.py):\d+", r"\1", line)
    return line.partition("stack.callback(")[0]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the example has its own task groups there")
def test_the_tutorial_is_true():
    steps = session_of_the_tutorial()
    assert len(steps) == 16
    printed = subprocess.run(
        [
            *(sys.executable, "-m", "stackscope", "debug", "-c", "continue"),
            *("examples/bank.py", "--patient"),
        ],
        cwd=str(ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "88"},
        input="".join(f"{command}\n" for command, _ in steps),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout
    for (command, shown), answer in zip(steps, PROMPT.split(printed)[1:]):
        lines = [comparable(line) for line in answer.splitlines()]
        if command == "why":  # how a finding is put into words is tested elsewhere
            assert shown[0] in lines  # below a line that says that it takes long, if it does
        else:
            assert [comparable(line) for line in shown] == lines[: len(shown)], command


# ------------------------------------------------------------------ how it works


def how_it_works():
    """The sections of the page, by their titles."""
    page = (ROOT / "docs" / "how_it_works.rst").read_text(encoding="utf-8")
    parts = re.split(r"^(.+)\n-{4,}\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def layers():
    """The packages and modules of the library that the table of layers names."""
    page = (ROOT / "docs" / "how_it_works.rst").read_text(encoding="utf-8")
    table = page[page.index("======") : page.rindex("======")]
    return {
        name
        for row in table.splitlines()
        if row.startswith("``")
        for name in re.findall(r"``(\w+)``", row.split("   ")[0])
    }


def test_the_table_has_all_layers():
    package = ROOT / "stackscope"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py"}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert layers() == there - {"__init__", "__main__"}


def test_each_layer_has_its_section():
    titles = " ".join(how_it_works())
    several = layers() - {"lowlevel"}  # the parts of others, one by one
    assert [name for name in several if not re.search(rf"``{name}(\.py|/)", titles)] == []


def named(pattern):
    page = (ROOT / "docs" / "how_it_works.rst").read_text(encoding="utf-8")
    return sorted(set(re.findall(pattern, page)))


@pytest.mark.parametrize("name", named(r"``([\w./]+(?:\.py|/|\.yml|\.toml))``"))
def test_files_that_are_named_exist(name):
    """By their path, or by the end of it."""
    folders = [ROOT, ROOT / "stackscope", ROOT / "stackscope_pdb"]
    assert any((folder / name).exists() for folder in folders) or (
        "/" not in name and list((ROOT / "stackscope").rglob(name))
    )


@pytest.mark.parametrize("name", named(r"``(tests/[\w./]+?(?:::\w+)?)``"))
def test_tests_that_are_named_exist(name):
    path, _, test = name.partition("::")
    assert (ROOT / path).exists()
    assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", named(r"python -m (tests[\w.]+)"))
def test_tools_that_are_named_exist(name):
    folder = ROOT.joinpath(*name.split("."))
    assert folder.with_suffix(".py").is_file() or (folder / "__main__.py").is_file()


@IN_TURN
def test_names_of_the_checklist_exist():
    checklist = how_it_works()["A new version of Python"]
    names = set(re.findall(r"``(?:\w+\.)?(\w{5,})(?:\(\))?``", checklist))
    assert len(names) > 20
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("stackscope", "stackscope_pdb", "tests", ".ci")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "test_docs.py"
    )
    code += "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("noxfile.py", "pyproject.toml")
    )
    assert sorted(names - set(re.findall(r"\w+", code))) == []
