"""Stacks to draw, made by hand over real frames."""

from __future__ import annotations

from stackscope.model.stacks import Context, Frame, Stack
from tests.render import program


def line_of(text):
    """The number of the first line of the program that contains ``text``."""
    with open(program.__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


class Task:
    """Something with a stack that its frames don't name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<Task {self.name}>"


def start(coroutine):
    """Run a coroutine to its first pause. It stays there, for nobody closes it before the end."""
    coroutine.send(None)
    KEPT.append(coroutine)
    return coroutine


KEPT: list = []


def service_frame(**options):
    service = start(program.Service().serve())
    return Frame(service.cr_frame, **options)


def client_frame(**options):
    return Frame(start(program.client("a")).cr_frame, **options)


def connection_stack(**options):
    generator = program.connection().gen
    next(generator)
    KEPT.append(generator)
    return Stack(generator, [Frame(generator.gi_frame)], **options)


def pause_frame():
    generator = program.pause()
    next(generator)
    KEPT.append(generator)
    return Frame(generator.gi_frame)


def serving(children):
    """A frame that is inside a nursery with the given children."""
    line = line_of("async with Manager() as nursery")
    nursery = Context(
        program.Manager(), True, varname="nursery", start_line=line, children=list(children)
    )
    return service_frame(contexts=[nursery])


def plain():
    frame = client_frame()
    return Stack(KEPT[-1], [frame, pause_frame()])


def classmethod_and_method():
    started = start(program.Service.start())
    return Stack(started, [Frame(started.cr_frame), service_frame()])


def nothing_inside():
    """A coroutine that no frame names."""
    return Stack(start(program.client("a")), [])


def leaf():
    return Stack(Task("main"), [client_frame()], leaf=Task("awaited"))


def several_leaves():
    return Stack(None, [client_frame()], leaf=[Task("one"), Task("two")])


def only_leaf():
    return Stack(Task("main"), [], leaf=Task("main"))


def error():
    # an exception without a traceback, so that the text is the same on every version
    cause = KeyError("cause")
    exc = ValueError("two\nlines")
    exc.__cause__ = cause
    return Stack(Task("main"), [client_frame()], leaf=Task("awaited"), error=exc)


def hidden():
    line = line_of("with Manager() as first, Manager()")
    contexts = [
        Context(program.Manager(), False, varname="first", start_line=line, hide=True),
        Context(program.Manager(), False, start_line=line),
    ]
    frames = [service_frame(hide=True), client_frame(contexts=contexts), pause_frame()]
    frames[2].hide_line = True
    return Stack(Task("main"), frames)


def exiting():
    line = line_of("with Manager() as first, Manager()")
    contexts = [
        Context(program.Manager(), False, varname="first", start_line=line),
        Context(program.Manager(), False, is_exiting=True, start_line=line),
    ]
    return Stack(Task("main"), [client_frame(contexts=contexts), pause_frame()])


def comments():
    """Each way in which a context can be incomplete."""
    manager = program.Manager()
    line = line_of("with Manager() as first, Manager()")
    contexts = [
        Context(manager, False),
        Context(manager, True),
        Context(None, False),
        Context(None, True, varname="x"),
        Context(None, False, start_line=line),
        Context(None, False, varname="x", start_line=line),
        Context(manager, False, start_line=100_000),
        Context(manager, False, description="described"),
        Context(manager, False, description="not shown", start_line=line),
    ]
    return Stack(Task("main"), [client_frame(contexts=contexts), client_frame(lineno=0)])


def several_lines():
    line = line_of("with Manager() as first, \\")
    generator = program.many_lines()
    next(generator)
    KEPT.append(generator)
    contexts = [
        Context(program.Manager(), False, varname="first", start_line=line),
        Context(
            generator.gi_frame.f_globals["Manager"](), False, varname="second", start_line=line
        ),
    ]
    return Stack(generator, [Frame(generator.gi_frame, contexts=contexts)])


def exit_stacks():
    """Children of children, and stacks inside of both."""
    generator = program.stacked()
    next(generator)
    KEPT.append(generator)
    entered = Context(
        program.Manager(),
        False,
        varname="stack[0]",
        description="stack.enter_context(connection(...))",
        inner_stack=connection_stack(),
    )
    nested = Context(
        program.Manager(),
        False,
        varname="stack[1]",
        start_line=3,  # of another file: not shown
        description="stack.enter_context(inner)",
        children=[
            Context(start, False, description="inner.callback(start)"),
            Context(
                None,
                False,
                description="inner.push(connection)",
                inner_stack=connection_stack(),
                children=[Context(start, False, description="deepest")],
            ),
        ],
    )
    stack = Context(
        program.Manager(),
        False,
        varname="stack",
        start_line=line_of("with ExitStack"),
        inner_stack=connection_stack(),
        children=[entered, nested, Context(None, False)],
    )
    after = Context(program.Manager(), False, varname="after")
    return Stack(generator, [Frame(generator.gi_frame, contexts=[stack, after])])


def task(name="", frames=1, **options):
    root = Task(name) if name else None
    return Stack(root, [client_frame() for _ in range(frames)], **options)


def child_tasks():
    return Stack(Task("main"), [serving([task("a"), task("b", leaf=Task("awaited")), task()])])


def child_tasks_without_frames():
    children = [task("a", 0), task("b"), task("c", 0), task("d"), task("e", 0, leaf=Task("e"))]
    return Stack(Task("main"), [serving([*children, task("f", 0, error=ValueError("unread"))])])


def child_tasks_and_contexts():
    context = Context(None, False, description="context", inner_stack=connection_stack())
    grandchildren = Stack(Task("a"), [serving([task("a.a"), task("a.b")]), pause_frame()])
    return Stack(Task("main"), [serving([context, grandchildren, context, task("b", 2)])])


SCENES = {
    scene.__name__: scene
    for scene in (
        plain,
        classmethod_and_method,
        nothing_inside,
        leaf,
        several_leaves,
        only_leaf,
        error,
        hidden,
        exiting,
        comments,
        several_lines,
        exit_stacks,
        child_tasks,
        child_tasks_without_frames,
        child_tasks_and_contexts,
    )
}
