from __future__ import annotations

import sys
import traceback

from stackscope import extract, extract_since
from stackscope.model.stacks import Context, Frame, Stack
from tests.render.scenes import SCENES, client_frame, connection_stack, line_of


def test_types():
    stack = SCENES["exit_stacks"]()
    summary = stack.as_stdlib_summary(show_contexts=True)
    assert type(summary) is traceback.StackSummary
    assert {type(entry) for entry in summary} == {traceback.FrameSummary}
    assert type(stack.frames[0].as_stdlib_summary()) is traceback.FrameSummary
    entries = stack.frames[0].as_stdlib_summary_with_contexts()
    assert iter(entries) is entries


def test_without_contexts_it_is_what_traceback_makes_of_the_frames():
    stack = SCENES["hidden"]()
    frames = [(frame.pyframe, frame.lineno) for frame in stack.frames]
    for hidden in (False, True):
        ours = stack.as_stdlib_summary(show_hidden_frames=hidden)
        shown = frames if hidden else frames[1:]
        expected = traceback.StackSummary.extract(iter(shown))
        assert [tuple(entry) for entry in ours] == [tuple(entry) for entry in expected]
        assert ours.format() == expected.format()


def test_flat_text_is_header_traceback_leaf_and_error():
    stack = SCENES["error"]()
    assert "".join(stack.format_flat()) == (
        "stackscope.Stack of <Task main> (most recent call last):\n"
        + "".join(stack.as_stdlib_summary().format())
        + "  Target of innermost frame: <Task awaited>\n"
        + "".join(stack.format()[4:])
    )


def test_locals():
    frame = client_frame()
    inner = connection_stack()
    frame.contexts = [Context([1], False, inner_stack=inner)]
    context, connection, entry = frame.as_stdlib_summary_with_contexts(capture_locals=True)
    assert context.locals == {"<context manager>": "[1]"}
    assert connection.locals == {}
    assert entry.locals["name"] == "'a'"
    assert entry.locals.keys() == {"name", "first"}
    assert frame.as_stdlib_summary(capture_locals=True).locals == entry.locals
    assert frame.as_stdlib_summary().locals is None
    stack = Stack(None, [frame])
    assert [e.locals for e in stack.as_stdlib_summary(capture_locals=True)] == [entry.locals]
    assert [e.locals for e in stack.as_stdlib_summary()] == [None]


def test_hide_line_changes_nothing():
    frame = client_frame(hide_line=True)
    assert frame.as_stdlib_summary().line == "await pause()"
    assert [e.line for e in Stack(None, [frame]).as_stdlib_summary()] == ["await pause()"]


def test_a_context_that_is_exiting_stands_for_its_frame():
    line = line_of("with Manager() as first, Manager()")
    frame = client_frame(contexts=[Context(1, False, is_exiting=True, start_line=line)])
    (entry,) = frame.as_stdlib_summary_with_contexts()
    assert (entry.lineno, entry.name) == (line, "client (_: int)")
    stack = Stack(None, [frame])
    assert [e.name for e in stack.as_stdlib_summary(show_contexts=True)] == ["client (_: int)"]
    assert [e.name for e in stack.as_stdlib_summary()] == ["client"]


def test_hidden_contexts_and_inner_frames():
    inner = connection_stack()
    inner.frames.append(Frame(inner.frames[0].pyframe, hide=True))
    shown = Context(1, False, inner_stack=inner)
    hidden = Context(2, False, hide=True, children=[Context(3, False, hide=True)])
    frame = client_frame(contexts=[shown, hidden])

    def names(**options):
        return [entry.name for entry in frame.as_stdlib_summary_with_contexts(**options)]

    assert names() == ["client (_: int)", "connection", "client"]
    assert names(show_hidden_frames=True) == [
        "client (_: int)",
        "connection",
        "connection",
        "client (_: int)",
        "client (_: int)",
        "client",
    ]


def test_child_stacks_have_no_entry():
    stack = SCENES["child_tasks"]()
    names = [entry.name for entry in stack.as_stdlib_summary(show_contexts=True)]
    assert names == ["serve (nursery: Manager)", "serve"]


def test_names_cant_pass_for_further_frames():
    """A name with a newline in it is one name, in the summary as in what is formatted from it."""

    def suspended():
        with Manager() as m:
            yield m

    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    fake = 'f\n  File "/etc/passwd", line 1, in root\x1b[2J'
    code = suspended.__code__.replace(co_name=fake, co_filename=f"/tmp/{fake}.py")
    generator = type(suspended)(code, globals(), "f", None, suspended.__closure__)()
    next(generator)
    stack = extract(generator)
    for contexts in (False, True):
        summary = stack.as_stdlib_summary(show_contexts=contexts, capture_locals=True)
        [*_, entry] = summary
        assert entry.name == r'f\n  File "/etc/passwd", line 1, in root\x1b[2J'
        texts = [*summary.format(), *stack.format_flat(show_contexts=contexts), str(stack)]
        for line in "".join(texts).split("\n"):
            assert line.isprintable()
            assert not line.startswith('  File "/etc')
    [entry] = traceback.StackSummary.from_list([stack.frames[0].as_stdlib_summary()])
    assert entry.filename == r'/tmp/f\n  File "/etc/passwd", line 1, in root\x1b[2J.py'


def test_usual_names_are_as_they_are():
    frame = extract_since(sys._getframe()).frames[0]
    code = frame.pyframe.f_code
    usual = traceback.FrameSummary(code.co_filename, frame.lineno, code.co_name)
    assert frame.as_stdlib_summary() == usual
