"""What the library and the debugger do with what is there, by name."""

from __future__ import annotations

from functools import partial

from stackscope import Diagnosis, Snapshot, Stack, diagnose, extract, extract_all
from stackscope.render.diagnosis import chain_lines
from stackscope.render.drawing import Layout
from stackscope.render.locks import lock_lines
from stackscope.render.matching import filter_completions
from stackscope.render.tasks import task_lines
from stackscope.render.threads import thread_lines

# The search of the heap, `diagnose(deep=True)`, is measured elsewhere: it looks at the tests' own
# objects as well.
FILTERS = [
    "wait",
    "name:1",
    "state:waiting",
    "in:wait",
    "file:worlds",
    "with:Manager",
    "waits:acquire",
    "held-by:3",
    "library:asyncio",
    "stuck",
]
"""A filter of each kind, but for ages, which aren't known here."""

TYPED = ["", "name:", "in:", "file:", "with:", "held-by:", "state:"]
FILTER = "name:1 or state:waiting in:wait or with:Manager"


def with_a_snapshot():
    """All that is done with everything in the process."""
    snapshot, earlier = extract_all(), extract_all()
    saved = snapshot.to_json()
    loaded = Snapshot.from_json(saved)
    difference = earlier.diff(snapshot)
    diagnosis = diagnose(snapshot, deep=False)
    first = next(iter(snapshot.tasks()), None) or snapshot.threads[0]
    told = diagnosis.to_json()
    return {
        "extract_all": extract_all,
        "extract_all without contexts": lambda: extract_all(with_contexts=False),
        "str": lambda: str(snapshot),
        "format whole": lambda: snapshot.format(whole=True),
        "to_html": snapshot.to_html,
        "to_html whole": lambda: snapshot.to_html(max_alike=None, max_bytes=10**9),
        "to_json": snapshot.to_json,
        "from_json": lambda: Snapshot.from_json(saved),
        "str of a loaded one": lambda: str(loaded),
        "filter": lambda: snapshot.filter(FILTER),
        **{f"filter {text}": partial(snapshot.filter, text) for text in FILTERS},
        **{f"Tab after {text}": partial(filter_completions, snapshot, text) for text in TYPED},
        "since": lambda: snapshot.since(earlier),
        "str of since": lambda: str(snapshot.since(earlier)),
        "diff": lambda: earlier.diff(snapshot),
        "diff of a loaded one": lambda: earlier.diff(loaded),
        "str of diff": lambda: str(difference),
        "diagnose": lambda: diagnose(snapshot, deep=False),
        "diagnose a loaded one": lambda: diagnose(loaded),
        "str of diagnosis": lambda: str(diagnosis),
        "to_html of diagnosis": diagnosis.to_html,
        "to_json of diagnosis": diagnosis.to_json,
        "from_json of diagnosis": lambda: Diagnosis.from_json(told),
        "why of one": lambda: list(chain_lines(diagnosis, first)),
        "to_dot": diagnosis.to_dot,
        "to_mermaid": diagnosis.to_mermaid,
        **in_the_debugger(snapshot),
    }


def in_the_debugger(snapshot):
    """The tables that its commands show."""
    layout = Layout(width=100)
    return {
        "tasks": lambda: list(task_lines(snapshot, None, layout)),
        "threads": lambda: list(thread_lines(snapshot.threads, None, (), layout)),
        "locks": lambda: list(lock_lines(snapshot)),
    }


def with_a_stack(item):
    """All that is done with one stack."""
    stack = extract(item)
    saved = stack.to_json()
    return {
        "extract": lambda: extract(item),
        "extract without contexts": lambda: extract(item, with_contexts=False),
        "str": lambda: str(stack),
        "format_flat": lambda: stack.format_flat(show_contexts=True),
        "as_stdlib_summary": stack.as_stdlib_summary,
        "to_html": stack.to_html,
        "to_html whole": lambda: stack.to_html(max_bytes=10**9),
        "to_json": stack.to_json,
        "from_json": lambda: Stack.from_json(saved),
    }
