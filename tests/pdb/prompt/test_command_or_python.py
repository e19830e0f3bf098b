from __future__ import annotations

import pytest

from stackscope_pdb.prompt.command_or_python import first_word, is_assignment, is_python

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
