"""The modes, each in a process with the options that it takes; some share one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NO_DEBUG_RANGES = ["-X", "no_debug_ranges"] if sys.version_info >= (3, 11) else []

PROCESSES = {
    # name of the process: options, modes
    "inside": ([], ["settrace", "setprofile", "monitoring", "replaced", "stripped", "zipped"]),
    "coverage": ([], ["coverage_ctrace", "coverage_sysmon"]),
    "O": (["-O", *NO_DEBUG_RANGES], ["usual", "stripped"]),
    "OO": (["-OO"], ["usual", "zipped"]),
    "jit": ([], ["jit"]),
    "subinterpreter": ([], ["subinterpreter"]),
}


@pytest.fixture(scope="module")
def outcome(repository):
    """Gives what a process has printed, by its name; each is started once."""
    known = {}

    def run(name):
        if name not in known:
            options, modes = PROCESSES[name]
            known[name] = subprocess.run(
                [sys.executable, "-X", "faulthandler", *options, "-m", "tests.tools.modes", *modes],
                cwd=repository,
                env={**os.environ, "PYTHON_JIT": "1" if name == "jit" else "0"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                universal_newlines=True,
                check=False,
                timeout=120,
            )
        return known[name]

    return run


@pytest.mark.parametrize(
    ("process", "mode"),
    [(name, mode) for name, (_, modes) in PROCESSES.items() for mode in modes],
)
def test_exact(process, mode, outcome):
    if mode == "jit" and not hasattr(sys, "_jit"):
        pytest.skip("this build has no JIT")
    done = outcome(process)
    lines = [line for line in done.stdout.splitlines() if line.startswith(f"{mode}: ")]
    assert lines, done.stdout
    assert done.returncode == 0, done.stdout
    what = lines[0].partition(": ")[2]
    if what.startswith("skipped: "):
        pytest.skip(what.partition(": ")[2])
    assert int(what.split()[0]) > 0


def test_without_ctypes(tmp_path, repository):
    """On CPython: managers of suspended frames, and a warning that says why there is no more."""
    (tmp_path / "ctypes.py").write_text("raise ImportError('not here')")
    script = """if True:
        import sys, warnings, threading
        sys.path.insert(0, sys.argv[1])
        import stackscope

        def suspended():
            with lock as a:
                yield

        lock = threading.Lock()
        generator = suspended()
        next(generator)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                stack = stackscope.extract(generator)
        assert stack.error is None, stack.error
        [context] = stack.frames[0].contexts
        assert context.obj is lock
        if sys.implementation.name == "pypy":  # where nothing needs it
            assert context.varname == "a" and not caught
        else:
            assert context.varname is None
            [warning] = caught
            assert issubclass(warning.category, stackscope.InspectionWarning)
            assert "can't import ctypes here" in str(warning.message)
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert done.stdout == "done\n"
