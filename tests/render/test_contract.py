"""The tree that the contract shows, from a hand-made model of examples/example.py."""

from __future__ import annotations

import runpy
from contextlib import ExitStack

from stackscope.model.stacks import Context, Frame, Stack

EXPECTED = """\
stackscope.Stack (most recent call last):
╠ call_example in __main__ at /path/example.py:28
║ └ yield from example()
╠ example in __main__ at /path/example.py:25
║ ├ with outer_context():  # _: _GeneratorContextManager (line 24)
║ │ ╠ outer_context in __main__ at /path/example.py:21
║ │ ║ ├ with inner_context() as inner:  # inner: _GeneratorContextManager (line 20)
║ │ ║ │ ╠ inner_context in __main__ at /path/example.py:16
║ │ ║ │ ║ ├ with stack:  # stack: ExitStack (line 13)
║ │ ║ │ ║ ├── stack.enter_context(null_context(...))  # stack[0]: _GeneratorContextManager
║ │ ║ │ ║ │   ╠ null_context in __main__ at /path/example.py:5
║ │ ║ │ ║ │   ║ └ yield
║ │ ║ │ ║ ├── stack.callback(__main__.some_cb, 10, 'hi', answer=42)  # stack[1]: function
║ │ ║ │ ║ └ yield "inner"
║ │ ║ └ yield "outer"
║ └ yield
"""

ASCII = """\
stackscope.Stack (most recent call last):
+ call_example in __main__ at /path/example.py:28
| ` yield from example()
+ example in __main__ at /path/example.py:25
| . with outer_context():  # _: _GeneratorContextManager (line 24)
|   + outer_context in __main__ at /path/example.py:21
|   | . with inner_context() as inner:  # inner: _GeneratorContextManager (line 20)
|   |   + inner_context in __main__ at /path/example.py:16
|   |   | . with stack:  # stack: ExitStack (line 13)
|   |   |   . stack.enter_context(null_context(...))  # stack[0]: _GeneratorContextManager
|   |   |     + null_context in __main__ at /path/example.py:5
|   |   |     | ` yield
|   |   |   . stack.callback(__main__.some_cb, 10, 'hi', answer=42)  # stack[1]: function
|   |   | ` yield "inner"
|   | ` yield "outer"
| ` yield
"""


def build(path):
    names = runpy.run_path(path)
    names["call_example"].__globals__["__name__"] = "__main__"
    managers = {name: names[name]() for name in ("null_context", "inner_context", "outer_context")}
    inside = {}
    for name, manager in managers.items():
        next(manager.gen)
        inside[name] = Stack(manager.gen, [Frame(manager.gen.gi_frame)])
    call = names["call_example"]()
    next(call)

    entered = Context(
        managers["null_context"],
        False,
        varname="stack[0]",
        description="stack.enter_context(null_context(...))",
        inner_stack=inside["null_context"],
    )
    called = Context(
        test_example,
        False,
        varname="stack[1]",
        description="stack.callback(__main__.some_cb, 10, 'hi', answer=42)",
    )
    exit_stack = Context(ExitStack(), False, False, "stack", 13, children=[entered, called])
    inner = Context(
        managers["inner_context"], False, False, "inner", 20, inner_stack=inside["inner_context"]
    )
    outer = Context(
        managers["outer_context"], False, False, None, 24, inner_stack=inside["outer_context"]
    )
    inside["inner_context"].frames[0].contexts = [exit_stack]
    inside["outer_context"].frames[0].contexts = [inner]
    frames = [Frame(call.gi_frame), Frame(call.gi_yieldfrom.gi_frame, contexts=[outer])]
    return call, Stack(call, frames)


def test_example(repository):
    path = str(repository / "examples" / "example.py")
    generator, stack = build(path)
    assert str(stack).replace(path, "/path/example.py") == EXPECTED
    drawn = "".join(stack.format(ascii_only=True))
    assert drawn.replace(path, "/path/example.py") == ASCII
    generator.close()
