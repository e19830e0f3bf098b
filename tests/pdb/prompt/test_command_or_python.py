from __future__ import annotations

import pytest

from stackscope_pdb.prompt.command_or_python import (
    first_word,
    is_assignment,
    is_python,
    is_python_beside_standard,
    why_not,
)

OPTIONS = ("--contexts", "-c")


@pytest.mark.parametrize(
    "line",
    [
        "tasks = 3",
        "tasks=3",
        "task: int = 3",
        "tasks += [1]",
        "tasks, other = 1, 2",
        "ctx.value = 1",
        "tasks[0] = 1",
        "tasks[0]",
        "ctx.value",
        "task(1)",
        "task.cancel()",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_python_whatever_is_in_scope(line, known):
    assert is_python(line, OPTIONS, lambda name: known)


@pytest.mark.parametrize(
    "line",
    [
        "task is None",
        "stack -1",
        "task (1)",
        "task == 3",
        "tasks and 1",
        "task if x else y",
        "tasks; x",
        "where - c",
    ],
)
def test_python_if_the_name_is_in_scope(line):
    word = first_word(line)
    assert is_python(line, OPTIONS, lambda name: name == word)
    assert not is_python(line, OPTIONS, lambda name: False)


@pytest.mark.parametrize(
    "line", ["tasks", "tasks ", "task 3", "task client-3", "ctx 1.2", "where --hidden 3", "task #3"]
)
@pytest.mark.parametrize("known", [True, False])
def test_command_whatever_is_in_scope(line, known):
    assert not is_python(line, OPTIONS, lambda name: known)


def test_option_is_an_option_unless_its_name_is_in_scope():
    assert not is_python("w -c", OPTIONS, lambda name: name == "w")
    assert is_python("w -c", OPTIONS, lambda name: name in ("w", "c"))


@pytest.mark.parametrize("line", ["n = 1", "n=1", "s += 'x'", "c, d = 1, 2", "x.y = 3"])
def test_assignment(line):
    assert is_assignment(line)


@pytest.mark.parametrize(
    "line", ["n", "b 12, x == 3", "p x == 1", "alias pi print(1)", "n == 1", ""]
)
def test_no_assignment(line):
    assert not is_assignment(line)


STANDARD_WORDS = (
    *("n", "next", "s", "step", "r", "c", "cont", "unt", "until", "j", "jump", "q", "quit"),
    *("a", "args", "b", "tbreak", "cl", "clear", "commands", "condition", "d", "u", "l", "list"),
    *("ll", "p", "pp", "whatis", "source", "display", "debug", "h", "alias", "run", "exit", "rv"),
)
EXPRESSIONS = (
    *("{}.attr", "{}.method()", "{}[0]", "{}[0:1]", "{}(1)", "{} + 1", "{}+1", "{} - 1", "{} == 1"),
    *("{} if x else y", "{} is None", "{} in x", "{} not in x", "{} and x", "{} or x", "{} | x"),
    *("{}, x", "{},", "{}; x", "{} @ x", "{} < 1 < x", "{} + (", "{} + await x", "{} + f'{{x}}'"),
)


@pytest.mark.parametrize("word", STANDARD_WORDS)
def test_python_beside_the_standard_commands(word):
    for expression in EXPRESSIONS:
        line = expression.format(word)
        assert is_python_beside_standard(line, lambda name: name == word), line
        if word not in ("list", "exit", "quit", "next"):
            assert not is_python_beside_standard(line, lambda name: False), line


@pytest.mark.parametrize(
    "line",
    [
        *("n", "n ", "n # go on", "b 12", "b file:12", "b f, x == 1", "tbreak 12, x == 1", "c"),
        *("list 1, 5", "l .", "until 30", "j 3", "commands 1", "source list", "p x", "args"),
        *("p (x)", "p -x", "pp [x]", "p not x", "whatis (a, b)", "debug (f)(1)", "display -x"),
    ],
)
def test_standard_command_whatever_is_in_scope(line):
    assert not is_python_beside_standard(line, lambda name: True)


def test_builtins_are_in_scope():
    nothing = lambda name: False  # noqa: E731
    for line in ("list(r)", "next(it)", "help(x)", "list[int]"):
        assert is_python_beside_standard(line, nothing), line
    assert not is_python_beside_standard("exit()", nothing)
    assert is_python_beside_standard("exit()", lambda name: name == "exit")


@pytest.mark.parametrize("word", ["n", "step", "r", "cont", "q", "exit", "unt", "jump", "run"])
def test_nothing_like_an_expression_goes_on(word):
    for expression in EXPRESSIONS:
        assert why_not(expression.format(word)), expression


@pytest.mark.parametrize(
    "line",
    [
        *(
            "n",
            "c # on",
            "unt 3",
            "j 12",
            "jump x",
            "run",
            "run -v --all x",
            "run /tmp/x",
            "run a b",
        ),
        *("p x + 1", "b 12", "u 3", "restart 'a b'"),
    ],
)
def test_as_documented(line):
    assert why_not(line) is None


def test_sentences():
    assert why_not("n + 1") == "'next' takes no argument, and there is no variable 'n' here."
    assert why_not("c 5") == "'continue' takes no argument, so nothing was run."
    assert why_not("return x") == "'return' takes no argument, so nothing was run."
    assert why_not("unt +40").startswith("'until' takes the number of a line, and there is no")
