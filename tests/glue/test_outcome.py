from __future__ import annotations

import outcome
import pytest

import stackscope


def test_hidden():
    def look():
        return stackscope.extract_since(None)

    def generate():
        value = yield
        yield look()

    generator = generate()
    next(generator)
    stack = outcome.Value(1).send(generator)
    assert [(frame.funcname, frame.hide) for frame in stack.frames[-3:]] == [
        ("send", True),
        ("generate", False),
        ("look", False),
    ]
    stack = outcome.capture(look).unwrap()
    assert [(frame.funcname, frame.hide) for frame in stack.frames[-2:]] == [
        ("capture", True),
        ("look", False),
    ]

    def catch():
        try:
            yield
        except KeyError:
            yield look()

    generator = catch()
    next(generator)
    stack = outcome.Error(KeyError()).send(generator)
    assert [(frame.funcname, frame.hide) for frame in stack.frames[-3:-1]] == [
        ("send", True),
        ("catch", False),
    ]

    async def work():
        return look()

    with pytest.raises(StopIteration) as info:
        outcome.acapture(work).send(None)
    stack = info.value.value.unwrap()
    assert [(frame.funcname, frame.hide) for frame in stack.frames[-3:]] == [
        ("acapture", True),
        ("work", False),
        ("look", False),
    ]
