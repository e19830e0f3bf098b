"""A library with tasks that brings its own glue, by public names only: `examples/crew.py`."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import threading

import pytest

import stackscope
import stackscope.lowlevel
from stackscope import extract_all
from tests.helpers.repository import ROOT
from tests.pdb.conftest import Session

EXAMPLES = ROOT / "examples"


@pytest.fixture
def lunch(monkeypatch):
    """The program that uses the library."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("lunch")


def dotted(node):
    """``a.b.c`` as a list of names, if that is what an expression is."""
    if isinstance(node, ast.Attribute):
        return [*dotted(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [None]


def test_only_public_names_are_used():
    tree = ast.parse((EXAMPLES / "crew.py").read_text(encoding="utf-8"))
    used = {tuple(dotted(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    ours = {names[1:] for names in used if names[0] == "stackscope"}
    assert ("register_runtime",) in ours
    assert ("lowlevel", "local_value") in ours
    for module, *rest in ours:
        if not rest:
            assert module in (*stackscope.__all__, "lowlevel"), module
        elif module == "lowlevel":
            assert rest[0] in stackscope.lowlevel.__all__, rest
    imported = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {getattr(node, "module", None) or node.names[0].name for node in imported}
    assert modules == {"__future__", "stackscope"}


def test_its_tasks_are_in_a_snapshot(lunch):
    found = []
    lunch.run(lambda: found.append((extract_all(), str(extract_all()))))
    snapshot, drawn = found[0]
    [loop] = [loop for loop in snapshot.loops if loop.noun == "yard"]
    assert loop.library == "crew"
    assert loop.thread == threading.current_thread().name
    assert loop.is_here
    nodes = {node.name: node for node in loop.walk()}
    assert {name: node.state for name, node in nodes.items()} == {
        "lunch": "running",
        "tap": "ready",
        "washing-up": "waiting",
    }
    # They belong to the task that has opened the crew.
    assert nodes["lunch"].children == [nodes["tap"], nodes["washing-up"]]
    assert nodes["tap"].owner.name == "kitchen"
    assert not nodes["tap"].is_awaited
    waiting = nodes["washing-up"].waiting
    assert str(waiting) == "crew.wait_for(): water"
    assert waiting.obj.name == "water"
    assert waiting.tasks == [nodes["tap"].task]
    assert nodes["washing-up"].waits_for == "crew.wait_for()"
    assert (
        f"task {nodes['washing-up'].number} (washing-up): waiting for crew.wait_for(): water"
        in drawn
    )


def test_several_in_different_threads(lunch):
    """Each has its own, and what is known of one says nothing about the other."""
    both, one, seen = threading.Barrier(2, timeout=20), threading.Lock(), []

    def look():
        both.wait()
        with one:  # without the GIL, the callers of a frame are known only while its thread waits
            seen.append(extract_all())
        both.wait()

    threads = [threading.Thread(target=lunch.run, args=(look,), name=f"yard-{n}") for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for snapshot in seen:
        loops = [loop for loop in snapshot.loops if loop.noun == "yard"]
        assert sorted(loop.thread for loop in loops) == ["yard-a", "yard-b"]
        assert [len(list(loop.walk())) for loop in loops] == [3, 3]
        numbers = [node.number for loop in loops for node in loop.walk()]
        assert len(set(numbers)) == 6
    assert {n.number for n in seen[0].tasks()} == {n.number for n in seen[1].tasks()}


def test_a_task_stands_in_what_has_called_the_library(lunch, monkeypatch):
    for name in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS"):
        monkeypatch.delenv(name, raising=False)
    session = Session("tasks", "task wash", "where", "unfocus", "where", "c")
    lunch.run(session.stop)
    tasks, title, of_task, _, where = session.replies[:5]
    assert re.search(r"^yard in \w+, stopped: 3 tasks$", tasks, re.MULTILINE), tasks
    assert re.search(r"with Crew\(yard, .kitchen.\) as kitchen  # lunch, line \d+", tasks), tasks
    assert re.search(r"washing-up +waiting: crew\.wait_for\(\) +wash:\d+ lunch\.py", tasks), tasks
    assert "waiting: crew.wait_for()" in title
    assert re.search(r"╠ wash in lunch", of_task), of_task
    assert "2 frames of crew folded" in of_task
    assert re.search(r"\d+ frames of crew folded", where), where
    assert "_step in crew" not in where
    assert "╠ lunch in lunch" in where


def test_in_ipython(tmp_path):
    pytest.importorskip("IPython")
    lines = [
        "%load_ext stackscope_ipython",
        f"import sys, threading; sys.path.insert(0, {str(EXAMPLES)!r})",
        "import lunch",
        "there, leave = threading.Event(), threading.Event()",
        "look = lambda: (there.set(), leave.wait(50))",
        "threading.Thread(target=lunch.run, args=(look,), name='a-yard', daemon=True).start()",
        "_ = there.wait(50)",
        "%stackscope",
        "leave.set()",
        "exit",
    ]
    command = [sys.executable, "-W", "ignore", "-m", "IPython", "--no-banner", "--quick"]
    process = subprocess.run(
        [*command, "--simple-prompt", "--colors=NoColor", f"--ipython-dir={tmp_path}"],
        input="".join(f"{line}\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=str(ROOT),
        timeout=100,
        check=False,
    )
    out = process.stdout.decode("utf-8").replace("\r", "")
    rows = [" ".join(line.split()) for line in out.splitlines()]
    [first] = [n for n, row in enumerate(rows) if "yard in a-yard, running" in row]
    assert re.match(r"! \d+ lunch running ", rows[first + 1])  # it blocks its loop
    owner = r"with Crew\(yard, .kitchen.\) as kitchen # lunch, line \d+"
    assert re.fullmatch(owner, rows[first + 2]), out
    assert re.fullmatch(r"\d+ ├ tap ready fetch:\d+ lunch\.py( yield)?", rows[first + 3]), out
    assert re.fullmatch(
        r"\d+ ├ washing-up waiting: crew\.wait_for\(\) wash:\d+ lunch\.py", rows[first + 4]
    )


def test_a_task_that_nothing_unwraps_waits_for_nothing_that_is_known():
    class Errand:
        pass

    class Errands(stackscope.Runtime):
        def loops(self, survey):
            return [self]

        def tasks(self, loop):
            return [errand]

        def task_name(self, task):
            return "an errand"

    errand = Errand()
    stackscope.register_runtime("errands", "shop", [Errand], Errands)
    try:
        [node] = [node for node in extract_all().tasks() if node.task is errand]
        assert node.stack.leaf is errand
        assert node.waiting is None
        assert node.state == "waiting"
    finally:
        from stackscope.snapshot import runtimes

        del runtimes._runtimes["errands"]
