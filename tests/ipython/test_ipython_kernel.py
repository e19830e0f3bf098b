"""``%stackscope`` in a real kernel, as a notebook has it."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

from tests.helpers.kernels import start_kernel

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROGRAM = """
import asyncio, threading, time
async def holds(lock):
    async with lock:
        await asyncio.sleep(1000)

async def waits(lock):
    async with lock:
        pass

lock = asyncio.Lock()
tasks = [asyncio.ensure_future(holds(lock)), asyncio.ensure_future(waits(lock))]
for task, name in zip(tasks, ("holder", "waiter")):
    getattr(task, "set_name", lambda name: None)(name)
await asyncio.sleep(0.05)
"""


TICKS = "while True: await asyncio.sleep(0.1)"
"""What waits in a cell. ipykernel's handler of Ctrl-C doesn't wake a loop that sleeps: it asks the
loop's own thread for a callback (tornado/platform/asyncio.py, ``add_callback``)."""


@pytest.fixture
def own_kernel(tmp_path):
    """A kernel for one test alone, which changes more of it than variables."""
    opened = start_kernel(tmp_path, ROOT)
    opened.run("%load_ext stackscope_ipython")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def kernel_for_all(tmp_path_factory):
    opened = start_kernel(tmp_path_factory.mktemp("kernel"), ROOT)
    yield opened
    opened.close()


BEGIN_ANEW = """
for _task in [globals().get("task"), *globals().get("tasks", ())]:
    if _task is not None: _task.cancel()
get_ipython().reset(new_session=True)
"""


@pytest.fixture
def kernel(kernel_for_all):
    """A kernel without variables or tasks of a program; its first cell has loaded our extension."""
    # Silently: versions of IPython count a cell that begins anew in different ways.
    reply = kernel_for_all.client.execute_interactive(BEGIN_ANEW, silent=True, timeout=100)
    assert reply["content"]["status"] == "ok"
    kernel_for_all.run("%load_ext stackscope_ipython")
    return kernel_for_all


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A kernel with a task that has a lock, and one that waits for that."""
    opened = start_kernel(tmp_path_factory.mktemp("kernel"), ROOT)
    opened.run("%load_ext stackscope_ipython")
    opened.run(PROGRAM)
    yield opened
    opened.close()


def row(text, word):
    return next(line for line in text.splitlines() if word in line)


def test_the_overview_tells_who_holds_what_and_folds_the_kernels_own(busy):
    answer = busy.run("%stackscope")
    number = row(answer.text, "holder").split()[0]
    assert f"Lock.acquire(), held by {number}" in row(answer.text, "waiter")
    assert "waits:7 In [2]" in answer.text
    assert "IPython's own: " in answer.text
    assert "ipykernel" not in answer.text
    assert "IOPub" not in answer.text
    assert max(map(len, answer.text.splitlines())) <= 100
    # On a busy machine it takes so long that a line before tells how far it has come.
    (html,) = filter(None, answer.html)
    assert "In [2]" in html
    assert "ipykernel" not in html
    assert "IPython&#x27;s own: " in html
    assert not answer.results

    text = busy.run("%stackscope --all").text
    assert "asyncio loop in IOPub" in text
    assert "IPython's own" not in text


def test_stacks_of_values_tasks_and_lists(busy):
    answer = busy.run("%stackscope tasks[0]")
    assert "holds in __main__ at In [2]:4" in answer.text
    assert "async with lock:" in answer.text
    assert answer.html[0].startswith('<div class="stackscope">')
    assert not answer.results  # it is shown once
    both = busy.run("%stackscope tasks").text
    assert "holds in __main__" in both
    assert "waits in __main__" in both
    assert "waits in __main__" in busy.run("%stackscope waits").text
    number = row(busy.run("%stackscope").text, "waits:").split()[0]
    assert "waits in __main__" in busy.run(f"%stackscope {number}").text
    assert "waits in __main__" in busy.run(f"%stackscope #{number}").text
    assert "async with" not in busy.run("%stackscope --no-contexts tasks[0]").text
    flat = busy.run("%stackscope tasks[0] --flat")
    assert '", line 4, in holds' in flat.text
    assert flat.html == [""]
    assert busy.run("%stackscope --ascii tasks[0]").text.isascii()


@pytest.mark.skipif(sys.version_info < (3, 8), reason="tasks have no names")
def test_names_of_tasks(busy):
    assert "waits in __main__" in busy.run("%stackscope waiter").text


def test_the_value_is_what_was_looked_at_and_nothing_is_kept_without_one(busy):
    answer = busy.run("x = %stackscope tasks[0]\ntype(x).__name__, len(x)")
    assert answer.results == ["('Stack', 2)"]
    assert len(answer.parts) == 1
    answer = busy.run("y = %stackscope\ntype(y).__name__, sorted(one.name for one in y.tasks())")
    assert answer.results[0].startswith("('Snapshot', [")
    busy.run("%stackscope -o kept tasks")
    assert busy.run("[type(one).__name__ for one in kept]").results == ["['Stack', 'Stack']"]
    before = busy.run("len(Out)").results
    busy.run("%stackscope tasks[0]")
    busy.run("%stackscope")
    assert int(busy.run("len(Out)").results[0]) == int(before[0]) + 1
    assert "╠ holds in __main__ at In [2]:4" in busy.run("kept").results[0]
    assert "Context(" not in busy.run("kept").results[0]


def test_filters_and_files(busy, tmp_path):
    text = busy.run("%stackscope --filter holds").text
    assert "holds:" in text
    assert "waits:" not in text
    assert (
        "No task matches the filter 'nothing-like-it'."
        in busy.run("%stackscope --filter nothing-like-it").text
    )
    page, saved = tmp_path / "page.html", tmp_path / "saved.json"
    assert f"Written to {page}." in busy.run(f"%stackscope --html {page}").text
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o077 == 0
    busy.run(f"x = %stackscope --json {saved}")
    busy.run(f"import stackscope; text = open({str(saved)!r}).read()")
    assert busy.run("str(stackscope.Snapshot.from_json(text)) == str(x)").results == ["True"]
    import stackscope

    assert "In [2]" in str(stackscope.Snapshot.from_json(saved.read_bytes()))


def test_what_can_not_be_done_ends_in_a_sentence_and_nothing_is_lost(busy, tmp_path):
    busy.run("x = 17")
    busy.run("1 / 0")
    for line, words in (
        ("nowhere", "NameError: name 'nowhere' is not defined"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("1 +", "SyntaxError: "),
        ("17.5", "A float has no stack: 17.5"),
        ("[]", "[] is empty"),
        ("--bogus", "There is no option --bogus. There are: --all, "),
        ("--json", "--json needs a value: --json FILE."),
        ("--watch --last", "Give either --last or --watch, not both."),
        ("--flat", "--flat is about a stack"),
        ("--json /nowhere/x", "Can't write /nowhere/x: No such file or directory."),
        (f"--html {tmp_path}", "Is a directory"),
        ("--json x tasks", "A JSON file has one stack"),
        ("-o 17 tasks", "-o needs the name of a variable"),
        ("--why=1", "--why has no value."),
    ):
        answer = busy.run(f"x = %stackscope {line}")
        assert words in answer.text, line
        assert "Traceback" not in answer.text, line
        # On a slow machine it may have been told how far it had come.
        text = re.sub(r"^.*\(Ctrl-C gives up\)\n", "", answer.text, flags=re.MULTILINE)
        assert "\n" not in text.strip(), line
        assert answer.status == "error"
    assert busy.run("x").results == ["17"]
    assert "ZeroDivisionError" in busy.run("%stackscope --last").text


def test_the_last_traceback(busy):
    busy.run("from contextlib import contextmanager")
    busy.run(
        """
@contextmanager
def lease():
    yield

def fails():
    with lease() as leased:
        raise OSError("first")

def both():
    try:
        fails()
    except OSError as exc:
        raise ValueError("second") from exc

both()
"""
    )
    text = busy.run("%stackscope --last").text
    assert "both in __main__ at In [" in text
    assert "with lease() as leased:" in text
    assert "past" in text
    assert "raised from" in text
    assert "OSError('first')" in text


CELL = """%%stackscope --after 0.3 --every 0.3
import time
print("begun", flush=True)
def sleeps():
    time.sleep(6)

sleeps()
6 * 7
"""


def test_a_cell_that_takes_long_tells_where_it_is_and_its_result_comes_through(kernel):
    answer = kernel.run(CELL)
    assert answer.text.count("The cell has been running for") >= 2
    assert "sleeps in __main__ at In [2]:5" in answer.text
    assert answer.results == ["42"]
    assert answer.status == "ok"
    assert kernel.run(
        "%%stackscope --after 50\nimport asyncio\nawait asyncio.sleep(0, 5)"
    ).results == ["5"]


def test_a_cell_that_is_interrupted_tells_where_it_was(kernel):
    kernel.run(PROGRAM)
    answer = kernel.run(
        "%%stackscope\nprint('begun', flush=True)\ntime.sleep(100)", interrupt_at="begun"
    )
    assert answer.status == "error"
    assert "The cell was interrupted here:" in answer.text
    assert "<module> in __main__ at In [3]:3" in answer.text
    assert "Lock.acquire(), held by" in answer.text
    assert "stackscope_ipython" not in answer.text
    answer = kernel.run(
        "%%stackscope\nasync def deep():\n    print('begun', flush=True)\n"
        f"    {TICKS}\nawait deep()",
        interrupt_at="begun",
    )
    assert "deep in __main__ at In [4]:4" in answer.text
    assert "The cell was interrupted here:" in answer.text
    # The handler that was there before is back.
    code = "import signal; signal.signal.__qualname__, signal.getsignal(2).__name__"
    assert kernel.run(code).results == ["('signal', 'default_int_handler')"]


def test_a_cell_that_raises_tells_where_and_what_else_there_is(kernel):
    kernel.run(PROGRAM)
    answer = kernel.run("%%stackscope\ndef fails():\n    1 / 0\nfails()")
    assert answer.status == "error"
    assert "stackscope.Stack of ZeroDivisionError" in answer.text
    assert "fails in __main__ at In [3]:3" in answer.text
    assert "held by" in answer.text.partition("What else there is now:")[2]


def test_after_an_interrupted_cell_without_the_magic(kernel):
    kernel.run(
        "import time\ndef sleeps():\n    print('begun', flush=True)\n    time.sleep(100)\nsleeps()",
        interrupt_at="begun",
    )
    assert "sleeps in __main__ at In [2]:4" in kernel.run("%stackscope --last").text
    kernel.run(
        "import asyncio\nasync def naps():\n    print('begun', flush=True)\n"
        f"    {TICKS}\nawait naps()",
        interrupt_at="begun",
    )
    assert "naps in __main__ at In [4]:4" in kernel.run("%stackscope --last").text


def test_a_watch_goes_on_beside_cells_and_marks_what_has_changed(kernel):
    kernel.run(PROGRAM)
    first = kernel.run("%stackscope --watch 0.2")
    assert "Seen at " in first.text
    assert "held by" in first.text
    kernel.later(lambda text: "since" in text and "no change" in text)
    kernel.run("tasks[0].cancel(); tasks.append(asyncio.ensure_future(asyncio.sleep(1000)))")
    text = kernel.later(lambda text: "gone" in text)
    assert "1 new (+)" in text
    assert "gone: " in text
    assert row(text, "+ ").startswith("+ ")
    # while a cell runs
    kernel.begin("def stands():\n    time.sleep(2)\nstands()")
    kernel.later(lambda text: "stands:2 In [" in text)
    kernel.later(lambda text: "gone: " in text)
    kernel.begin("%stackscope --stop")
    kernel.later(lambda text: text.endswith("Ended."))
    kernel.later(lambda text: "1 watch ended." in text)
    assert "0 watches ended." in kernel.run("%stackscope --stop").text
    names = "[one.name for one in threading.enumerate() if 'stackscope' in one.name]"
    assert kernel.run(names).results == ["[]"]


WITHOUT_JEDI = "get_ipython().Completer.use_jedi = False"
"""Jedi would read all about the builtins where only the absence of a name of ours counts."""


def test_completion(busy):
    options, start = busy.complete("%stackscope --no-")
    assert (options, start) == (["--no-contexts"], 12)
    assert set(busy.complete("%%stackscope --")[0]) == {
        "--after", "--all", "--ascii", "--contexts", "--every", "--help", "--no-contexts",
    }  # fmt: skip
    names, _ = busy.complete("%stackscope ")
    assert {"holder", "waiter", "tasks", "holds"} <= set(names)
    assert any(name.isdecimal() for name in names)
    assert busy.complete("%stackscope hol")[0] == ["holder", "holds"]
    assert "get_coro" in busy.complete("%stackscope tasks[0].get_co")[0]
    busy.run(WITHOUT_JEDI)
    assert "--no-contexts" not in busy.complete("x = 1 --no")[0]


def test_the_bank_says_who_holds_the_lock(kernel):
    kernel.run(
        f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r})\n"
        "sys.argv = ['bank.py', '--forever']\nimport asyncio, bank\n"
        "task = asyncio.ensure_future(bank.main(fixed=False))\nawait asyncio.sleep(2)"
    )
    answer = kernel.run("%stackscope")
    mark, writer = row(answer.text, "Queue.put()").split()[:2]
    assert mark == row(answer.text, "journal  ")[0] == "!"
    for name in ("journal", "bank-bob", "bank-cleo", "bank-dan"):
        assert f"Lock.acquire(), held by {writer}" in row(answer.text, f"{name}  ")
    assert "held by" in answer.html[-1]


def test_a_circle_is_named(kernel):
    kernel.run(
        """
import asyncio
async def takes(first, second):
    async with first:
        await asyncio.sleep(0.05)
        async with second:
            pass

a, b = asyncio.Lock(), asyncio.Lock()
tasks = [asyncio.ensure_future(takes(a, b)), asyncio.ensure_future(takes(b, a))]
await asyncio.sleep(0.3)
"""
    )
    answer = kernel.run("%stackscope")
    assert "waiting for each other: " in answer.text
    assert "waiting for each other" in answer.html[-1]


def test_unloading_ends_all(kernel):
    state = (
        "get_ipython().input_transformers_cleanup, get_ipython().ast_transformers,"
        "get_ipython().events.callbacks['post_run_cell'], get_ipython().Completer.custom_matchers,"
        "[one.name for one in threading.enumerate() if 'stackscope' in one.name]"
    )
    kernel.run("import threading")
    kernel.run("%unload_ext stackscope_ipython")
    before = kernel.run(state).results
    kernel.run("%load_ext stackscope_ipython")
    kernel.run("%load_ext stackscope_ipython")
    assert kernel.run(state).results != before
    kernel.run("%stackscope --watch 0.2")
    kernel.run("%unload_ext stackscope_ipython")
    assert kernel.run(state).results == before
    assert "%stackscope` not found" in kernel.run("%stackscope").text
    kernel.run(WITHOUT_JEDI)
    assert "--no-contexts" not in kernel.complete("%stackscope --no-")[0]


def test_a_loop_of_another_thread_and_nested_loops(own_kernel):
    own_kernel.run(
        """
import asyncio, threading
other = asyncio.new_event_loop()
thread = threading.Thread(target=other.run_forever, daemon=True, name="of-loop")
thread.start()
async def far():
    await asyncio.sleep(1000)
future = asyncio.run_coroutine_threadsafe(far(), other)
"""
    )
    text = own_kernel.run("%stackscope").text
    assert "asyncio loop in of-loop, running" in text
    assert "far:" in text
    for expression in ("other", "thread", "future"):
        answer = own_kernel.run(f"%stackscope {expression}")
        assert answer.status == "ok", answer.text
        assert answer.text
    pytest.importorskip("nest_asyncio")
    own_kernel.run("import nest_asyncio; nest_asyncio.apply()")
    code = (
        "async def inner():\n    get_ipython().run_line_magic('stackscope', '')\n"
        "asyncio.get_event_loop().run_until_complete(inner())"
    )
    text = own_kernel.run(code).text
    assert "inner:2 In [" in text
    assert "of-loop" in text


def test_a_kernel_that_shuts_down_while_it_is_watched(own_kernel):
    own_kernel.run("%stackscope --watch 0.05")
    own_kernel.client.shutdown()
    deadline = time.monotonic() + 60
    while own_kernel.manager.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_debugger_bounds_values(kernel):
    kernel.run(
        "%load_ext stackscope_ipython\n"
        "def fails(zero):\n"
        "    big = list(range(1_000_000))\n"
        "    return 1 / zero"
    )
    kernel.run("fails(0)")
    text = kernel.ask("%debug", "p big", "big", "pp big", "p 40 + 2", "args", "q").text
    assert text.count("… 999,900 more") == 3
    assert text.count("'p --whole big' shows all of it.") == 2
    assert "\n42\n" in text
    assert "\nzero = 0\n" in text


MANY_TASKS = """
import asyncio
import stackscope_pdb.program.patience as patience
before = patience.SECONDS_IN_SILENCE, patience.SECONDS_OF_SHORT_LOOK
patience.SECONDS_IN_SILENCE = patience.SECONDS_OF_SHORT_LOOK = 0
event = asyncio.Event()
tasks = [asyncio.ensure_future(event.wait()) for _ in range(2_000)]
await asyncio.sleep(0)
"""


@IN_TURN
def test_a_look_at_very_many_tasks_tells_how_far_it_has_come_and_can_be_ended(kernel):
    kernel.run(MANY_TASKS)
    answer = kernel.run("%stackscope")
    *progress, last = answer.parts
    assert any(part.startswith("Looking at all tasks: ") for part in progress)
    assert "Drawing what was found (Ctrl-C gives up)" in progress
    assert re.search("2,?000", last)  # in the place of these
    assert "Incomplete" not in last
    kernel.run("from tests.helpers.looks import wait_for_user; undo = wait_for_user()")
    answer = kernel.run("%stackscope", interrupt_at="Looking at all tasks", after=0)
    assert answer.status == "ok"
    incomplete = r"Incomplete: Ctrl-C has ended the search after [\d,]+ tasks"
    assert re.search(incomplete, answer.parts[-1])
    assert re.search(incomplete, answer.html[-1])
    answer = kernel.run("%stackscope --why", interrupt_at="Looking at all tasks", after=0)
    assert "So what is stuck isn't known." in answer.text
    kernel.run("undo()")
    kernel.run("patience.SECONDS_IN_SILENCE, patience.SECONDS_OF_SHORT_LOOK = before")
