"""How glue gets installed. Each case needs a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import types
from importlib.machinery import ModuleSpec

import pytest

from stackscope import glue


def run(code, *options, path=None):
    import os

    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), environment.get("PYTHONPATH", "")])
    process = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        universal_newlines=True,
        env=environment,
        timeout=60,
    )
    return process.stdout


def test_own_glue_runs_once_after_its_module_was_imported(tmp_path):
    (tmp_path / "library.py").write_text(
        "calls = []\ndef _stackscope_install_glue_():\n    calls.append(1)\n"
    )
    output = run(
        """
        import stackscope, sys
        stackscope.extract(None)
        assert "library" not in sys.modules
        import library
        print(library.calls)
        stackscope.extract(None)
        stackscope.extract_since(None)
        import json.tool
        stackscope.extract(None)
        print(library.calls)
        """,
        path=tmp_path,
    )
    assert output == "[]\n[1]\n"


@pytest.mark.parametrize(
    "call",
    [
        "stackscope.extract(None)",
        "stackscope.extract_since(None)",
        "stackscope.extract_until(sys._getframe())",
        "stackscope.extract_outermost(sys._getframe())",
        "stackscope.fill_context(stackscope.Context(None, False))",
    ],
)
def test_every_entry_point_installs_glue(tmp_path, call):
    (tmp_path / "library.py").write_text(
        "def _stackscope_install_glue_():\n    print('installed')\n"
    )
    assert run(f"import stackscope, library, sys; {call}", path=tmp_path) == "installed\n"


def test_own_glue_beats_the_built_in_one(tmp_path):
    output = run(
        """
        import stackscope, outcome
        outcome._stackscope_install_glue_ = lambda: print("own")
        def look():
            return stackscope.extract_since(None)
        print([frame.hide for frame in outcome.capture(look).unwrap()][-2:])
        """
    )
    assert output == "own\n[False, False]\n"


def test_failing_glue(tmp_path):
    (tmp_path / "bad.py").write_text(
        "def _stackscope_install_glue_():\n    raise ValueError('some reason')\n"
    )
    (tmp_path / "good.py").write_text("def _stackscope_install_glue_():\n    print('good')\n")
    output = run(
        """
        import warnings
        import stackscope, bad, good
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            def generate():
                yield
            generator = generate()
            next(generator)
            print(len(stackscope.extract(generator)))
            stackscope.extract(generator)
        for warning in caught:
            print(warning.category.__name__, str(warning.message), warning.filename)
        """,
        path=tmp_path,
    )
    assert output.startswith("good\n1\nRuntimeWarning Failed to initialize ")
    assert " glue for bad: ValueError: some reason" in output
    assert output.count("RuntimeWarning") == 1
    assert output.endswith(" <string>\n")


def test_a_module_that_is_being_imported_is_left_for_later(tmp_path):
    (tmp_path / "slow.py").write_text(
        textwrap.dedent(
            """
            import stackscope
            stackscope.extract(None)
            ready = False
            def _stackscope_install_glue_():
                print("installed", ready)
            stackscope.extract(None)
            ready = True
            """
        )
    )
    output = run(
        "import slow; print('imported'); import stackscope; stackscope.extract(None)", path=tmp_path
    )
    assert output == "imported\ninstalled True\n"


def test_strange_things_in_sys_modules():
    output = run(
        """
        import sys, types
        class Strange:
            def __getattribute__(self, name):
                print("touched", name)
                raise ZeroDivisionError
        class Lazy(types.ModuleType):
            def __getattribute__(self, name):
                print("touched", name)
                raise ZeroDivisionError
        sys.modules["strange"] = Strange()
        sys.modules["lazy"] = Lazy("lazy")
        sys.modules["nothing"] = None
        import stackscope
        print(stackscope.extract(3).leaf)
        """,
        "-W",
        "error",
    )
    assert output == "3\n"


def test_glue_that_extracts():
    output = run(
        """
        import sys, types
        import stackscope
        module = sys.modules["library"] = types.ModuleType("library")
        def install():
            print(stackscope.extract(3).leaf)
        module._stackscope_install_glue_ = install
        print(stackscope.extract(4).leaf)
        """
    )
    assert output == "3\n4\n"


def test_threads_that_extract_first_at_the_same_time():
    output = run(
        """
        import contextlib, sys, threading, types
        import stackscope
        calls = []
        module = sys.modules["library"] = types.ModuleType("library")
        module._stackscope_install_glue_ = lambda: calls.append(1)
        @contextlib.contextmanager
        def manager():
            yield
        def generate():
            with manager():
                yield
        results = []
        barrier = threading.Barrier(8)
        def work():
            generator = generate()
            next(generator)
            barrier.wait()
            stack = stackscope.extract(generator)
            contexts = stack.frames[0].contexts
            results.append((stack.error, tuple(len(one.inner_stack or ()) for one in contexts)))
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(calls, set(results))
        """
    )
    assert output == "[1] {(None, (1,))}\n"


def test_threads_that_extract_at_any_line_of_an_installation():
    """Glue runs once, wherever the thread that installs it stands when another one comes."""
    output = run(
        """
        import sys, threading, types
        import stackscope
        from stackscope import glue
        stackscope.extract(None)
        glue.PATIENCE = 0.01

        def lines_of(number):
            calls = []
            module = sys.modules[f"library{number}"] = types.ModuleType("library")
            module._stackscope_install_glue_ = lambda: calls.append(1)
            count = 0
            def trace(frame, event, arg):
                nonlocal count
                if frame.f_code.co_name not in ("_install", "_is_up_to"):
                    return None
                count += event == "line"
                if event == "line" and count == number:
                    other = threading.Thread(target=stackscope.extract, args=(None,))
                    other.start()
                    other.join()
                return trace
            def work():
                sys.settrace(trace)
                stackscope.extract(None)
                sys.settrace(None)
            first = threading.Thread(target=work)
            first.start()
            first.join()
            assert calls == [1], (number, calls)
            return count

        number = 1
        while lines_of(number) >= number:
            number += 1
        print(number > 10)
        """
    )
    assert output == "True\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs setitimer")
def test_signal_handlers_that_extract_while_glue_is_installed():
    output = run(
        """
        import signal, sys, types
        import stackscope
        module = sys.modules["library"] = types.ModuleType("library")
        def handler(*args):
            print("handler", stackscope.extract(3).leaf)
        signal.signal(signal.SIGALRM, handler)
        def install():
            signal.raise_signal(signal.SIGALRM)
        module._stackscope_install_glue_ = install
        print(stackscope.extract(4).leaf)
        """
    )
    assert output == "handler 3\n4\n"


def test_what_other_threads_were_at_is_forgotten_in_a_child(monkeypatch):
    """They aren't there to end it: what they were importing is to be imported anew."""
    own, other = threading.get_ident(), 1 << 60
    names = {"own": own, "free": None, "other": other, "whole": other}
    locks, modules = {}, dict(sys.modules)
    for name, owner in names.items():
        module = types.ModuleType(f"stackscope.{name}")
        module.__spec__ = ModuleSpec(module.__name__, None)
        module.__spec__._initializing = name != "whole"
        modules[module.__name__] = module
        lock = types.SimpleNamespace(owner=owner)
        locks[module.__name__] = lambda lock=lock: lock
    locks["elsewhere"] = lambda: types.SimpleNamespace(owner=other)
    modules["_frozen_importlib"] = types.SimpleNamespace(_module_locks=locks)
    installing = {"mine": (own, 1), "theirs": (other, 1)}
    monkeypatch.setattr(glue, "_installing", installing)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "modules", modules)
        glue._forget_other_threads()
    assert installing == {"mine": (own, 1)}
    assert sorted(locks) == ["elsewhere", "stackscope.free", "stackscope.own"]
    left = [name for name in names if f"stackscope.{name}" in modules]
    assert left == ["own", "free", "whole"]


def test_glue_that_a_dump_can_not_have_without_an_import(monkeypatch):
    from stackscope.glue import without_locks

    with pytest.raises(ImportError, match="isn't imported"):
        without_locks.load("stackscope.glue.no_such_glue")
    assert without_locks.load("stackscope.glue") is glue
    module = types.ModuleType("stackscope.half")
    module.__spec__ = ModuleSpec(module.__name__, None)
    module.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(ImportError, match="is just being imported"):
        without_locks.load(module.__name__)
