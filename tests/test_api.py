from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import stackscope
from stackscope import Frame, Stack, extract, extract_outermost, unwrap_stackitem
from tests.helpers.managers import Manager


def generate():
    yield


def started(function=generate):
    generator = function()
    next(generator)
    return generator


def test_public_names():
    for name in stackscope.__all__:
        assert hasattr(stackscope, name)
    assert issubclass(stackscope.InspectionWarning, RuntimeWarning)
    assert stackscope.__version__[0].isdigit()
    assert stackscope.PRUNE == ()


@pytest.mark.parametrize("option", ["with_contexts", "recurse_child_tasks"])
def test_options_are_keywords(option):
    frame = sys._getframe()
    assert type(extract(None, **{option: False})) is Stack
    assert type(stackscope.extract_since(frame, **{option: False})) is Stack
    assert type(stackscope.extract_until(frame, **{option: False})) is Stack
    assert type(extract_outermost(frame, **{option: False})) is Frame
    with pytest.raises(TypeError):
        extract(None, False)


def test_extract_child_outside_of_hooks():
    with pytest.raises(RuntimeError, match="extract_child.. may only be called from within "):
        stackscope.extract_child(started(), for_task=True)


def test_outermost_is_the_first_frame():
    def inner():
        yield

    def outer():
        with Manager() as manager:
            yield from inner()

    generator = started(outer)
    frame = extract_outermost(generator)
    assert frame == extract(generator).frames[0]
    assert frame.funcname == "outer"
    assert [context.varname for context in frame.contexts] == ["manager"]
    assert extract_outermost(generator, with_contexts=False).contexts == []


def test_outermost_does_not_compute_the_rest():
    taken = []

    class Endless:
        pass

    @unwrap_stackitem.register(Endless)
    @stackscope.yields_frames
    def unwrap(item):
        while True:
            taken.append(1)
            yield started()

    assert extract_outermost(Endless()).funcname == "generate"
    assert len(taken) <= 2


def test_outermost_of_what_has_no_frames():
    with pytest.raises(RuntimeError, match="unwrapping only reached 3$"):
        extract_outermost(3)
    finished = generate()
    list(finished)
    with pytest.raises(RuntimeError, match="unwrapping only reached None$"):
        extract_outermost(finished)


def test_outermost_raises_the_unwrapping_error():
    class Bad:
        pass

    @unwrap_stackitem.register(Bad)
    def unwrap(item):
        raise KeyError("unwrapping")

    with pytest.raises(KeyError, match="unwrapping"):
        extract_outermost(Bad())


def test_outermost_with_an_error_below_is_still_found():
    class Bad:
        pass

    @unwrap_stackitem.register(Bad)
    def unwrap(item):
        return [started(), Worse()]

    class Worse:
        pass

    @unwrap_stackitem.register(Worse)
    def unwrap_worse(item):
        raise KeyError

    assert extract_outermost(Bad()).funcname == "generate"


def test_nothing_warns():
    async def agen():
        yield

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = agen()
        awaitable = generator.asend(None)
        extract(awaitable)
        awaitable.close()
        extract(generator)


def run_python(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        universal_newlines=True,
    ).stdout


def test_import_is_light():
    heavy = (
        "{'asyncio', 'trio', 'greenlet', 'IPython', 'prompt_toolkit', 'pygments', 'traceback',"
        " 'linecache',"
        " 'dataclasses', 'inspect', 'ast', 'dis', 'ctypes', 'threading', 'logging'}"
    )
    code = (
        "import sys; before = set(sys.modules); import stackscope; "
        f"print(sorted((set(sys.modules) - before) & {heavy}))"
    )
    assert run_python(code) == "[]\n"


def test_extraction_imports_no_library():
    code = (
        "import sys, stackscope; stackscope.extract(None); stackscope.extract_since(None); "
        "print(sorted({'asyncio', 'trio', 'outcome'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]\n"
