"""`python -m tests.tools.modes MODE …`: a line for each mode, which says what was right in it."""

from __future__ import annotations

import contextlib
import importlib
import os
import py_compile
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.helpers.repository import ROOT
from tests.tools.fuzz import programs
from tests.tools.fuzz.oracle import Figures
from tests.tools.fuzz.runner import Options, describe, run_program


def oracle(seeds=(9, 15), size=15):
    """Random programs; the number of probes, all of which were right. (Odd seeds have a source.)"""
    figures = Figures()
    for seed in seeds:
        outcome = run_program(programs.write_program(seed, size), Options(), figures)
        if not outcome.is_right:
            raise SystemExit(describe(outcome))
    if figures.probes < 50:
        raise SystemExit(f"only {figures.probes} probes")
    return f"{figures.probes} probes"


def usual():
    return oracle()


def settrace():
    """A trace function for every line and instruction of the programs, and for all calls."""

    def trace(frame, event, arg):
        if not frame.f_code.co_filename.startswith("<fuzz program"):
            return None
        frame.f_trace_opcodes = True
        return trace

    sys.settrace(trace)
    try:
        return oracle((9,))
    finally:
        sys.settrace(None)


def setprofile():
    sys.setprofile(lambda frame, event, arg: None)
    try:
        return oracle((9,))
    finally:
        sys.setprofile(None)


def monitoring():
    """All events of `sys.monitoring` (3.12+)."""
    if not hasattr(sys, "monitoring"):
        return "skipped: sys.monitoring came with 3.12"
    monitor = sys.monitoring
    names = [name for name in dir(monitor.events) if name.isupper() and name != "NO_EVENTS"]
    wanted = 0
    count = []
    monitor.use_tool_id(4, "modes")
    try:
        for name in names:
            event = getattr(monitor.events, name)
            monitor.register_callback(4, event, lambda *args: count.append(None))
            wanted |= event
        monitor.set_events(4, wanted)
        result = oracle((9,))
    finally:
        monitor.set_events(4, 0)
        monitor.free_tool_id(4)
    if not count:
        raise SystemExit("no event came")
    return result


def _covered(core):
    """The programs as files, measured by coverage.py."""
    import coverage

    standard = programs.Program.filename
    with tempfile.TemporaryDirectory() as folder:

        def filename(program):
            path = Path(folder, f"program_{program.seed}.py")
            if not path.exists():
                path.write_text(program.source)
            return str(path)

        programs.Program.filename = property(filename)
        os.environ["COVERAGE_CORE"] = core
        measured = coverage.Coverage(data_file=None, config_file=False, include=[f"{folder}/*"])
        measured.start()
        try:
            result = oracle((9,))
        finally:
            measured.stop()
            programs.Program.filename = standard
        data = measured.get_data()
        lines = sum(len(data.lines(name)) for name in data.measured_files())
    if lines < 20:
        raise SystemExit(f"coverage saw {lines} lines")
    return result


def coverage_ctrace():
    return _covered("ctrace")


def coverage_sysmon():
    if not hasattr(sys, "monitoring"):
        return "skipped: sys.monitoring came with 3.12"
    return _covered("sysmon")


# ------------------------------------------------- programs of our own


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def _expect(frame, *expected, origin=None, line=None):
    from stackscope.lowlevel import contexts_active_in_frame

    found = contexts_active_in_frame(frame, origin)
    seen = [(context.obj, context.varname) for context in found]
    if seen != list(expected) or (line is not None and found[0].start_line != line):
        raise SystemExit(f"{seen} of lines {[c.start_line for c in found]} instead of {expected}")


def jit():
    """Loops that are hot enough to be compiled, with probes in them."""
    if not hasattr(sys, "_jit") or not sys._jit.is_enabled():
        return "skipped: this build has no JIT"

    def hot(rounds):
        compiled = 0
        for number in range(rounds):
            with Manager() as a, held:
                if not number % 997:
                    _expect(sys._getframe(), (a, "a"), (held, "held"))
                if sys._jit.is_active():
                    compiled += 1
                    if not compiled % 997:
                        _expect(sys._getframe(), (a, "a"), (held, "held"))
            total = number + compiled
            if not total % 997:
                _expect(sys._getframe())
        return compiled

    def inside(rounds):
        compiled = 0
        with Manager() as a, held:
            for number in range(rounds):
                if sys._jit.is_active():
                    compiled += 1
                    if not compiled % 997:
                        _expect(sys._getframe(), (a, "a"), (held, "held"))
                _expect(sys._getframe(), (a, "a"), (held, "held")) if not number % 997 else None
        return compiled

    def generate(rounds):
        for number in range(rounds):
            with Manager() as a:
                yield a

    held = Manager()
    compiled = hot(20_000) + inside(20_000)
    generator = generate(20_000)
    for number, manager in enumerate(generator):
        if not number % 997:
            _expect(generator.gi_frame, (manager, "a"), origin=generator)
    if not compiled:
        raise SystemExit("nothing was compiled")
    return f"{compiled} rounds of compiled code, {oracle()}"


def replaced():
    """A function gets another code while it runs, and while a generator of it is suspended."""

    def before():
        with first as a:
            before.__code__ = after.__code__
            yield _expect(sys._getframe(), (first, "a"))
            with second:
                yield

    def after():
        with second as b, first as c:
            yield _expect(sys._getframe(), (second, "b"), (first, "c"))

    first, second = Manager(), Manager()
    # both need the same free variables
    if before.__code__.co_freevars != after.__code__.co_freevars:
        namespace = {"first": first, "second": second, "sys": sys, "_expect": _expect}
        make = "def before():\n with first as a:\n  yield\n  with second:\n   yield\n"
        exec(make + "def after():\n with second as b, first as c:\n  yield\n", namespace)
        before, after = namespace["before"], namespace["after"]
    old = before()
    next(old)
    before.__code__ = after.__code__
    new = before()
    next(new)
    _expect(old.gi_frame, (first, "a"), origin=old)
    _expect(new.gi_frame, (second, "b"), (first, "c"), origin=new)
    next(old)
    _expect(old.gi_frame, (first, "a"), (second, None), origin=old)
    return "2 codes"


SOURCE = """
from tests.tools.modes.__main__ import Manager

def suspended(held):
    with Manager() as a, \\
            held:
        with (
            Manager()
        ) as c:
            yield c
"""


def _use(module, has_source):
    import stackscope

    held = Manager()
    generator = module.suspended(held)
    c = next(generator)
    stack = stackscope.extract(generator)
    found = [(context.varname, context.start_line) for context in stack.frames[0].contexts]
    # Without source, up to 3.12 the bytecode knows the line of the keyword; later that of the item.
    line_of_last = 7 if has_source or sys.version_info < (3, 13) else 8
    expected = [("a", 5), ("held", 5), ("c", line_of_last)]
    if not has_source and sys.version_info >= (3, 13):
        expected[1] = ("held", 6)
    if found != expected or stack.frames[0].contexts[2].obj is not c or stack.error:
        raise SystemExit(f"{found} instead of {expected}; {stack.error}")
    if ("yield c" in str(stack)) != has_source:
        raise SystemExit(str(stack))
    return f"{len(found)} contexts"


@contextlib.contextmanager
def _importable(folder, name):
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


def stripped():
    """A module of which there is only the compiled file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "stripped_module.py")
        source.write_text(SOURCE)
        py_compile.compile(str(source), str(source.with_suffix(".pyc")), doraise=True)
        source.unlink()
        with _importable(folder, "stripped_module") as module:
            return _use(module, has_source=False)


def zipped():
    """A module in a zip file, which has its source from its loader."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "modules.zip")
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("zipped_module.py", SOURCE)
        with _importable(archive, "zipped_module") as module:
            return _use(module, has_source=True)


IN_SUBINTERPRETER = """
import sys, warnings
sys.path.insert(0, {root!r})
warnings.simplefilter("ignore")
try:
    import ctypes
except ImportError:
    ctypes = None
import stackscope

class Manager:
    def __enter__(self): return self
    def __exit__(self, *exc): pass

def suspended():
    with held as a:
        yield

held = Manager()
generator = suspended()
next(generator)
with Manager() as here:
    stacks = [stackscope.extract(generator), stackscope.extract_since(sys._getframe())]
assert [stack.error for stack in stacks] == [None, None], stacks
assert stacks[0].frames[0].contexts[0].obj is held, stacks
if ctypes is not None:
    assert [stack.frames[0].contexts[0].varname for stack in stacks] == ["a", "here"], stacks
"""


def subinterpreter():
    """The library in subinterpreters of each kind that the version has."""
    import dis

    # 3.12.1 aborts if an isolated one is the first to do this.
    dis.stack_effect(dis.opmap["NOP"], jump=True)
    if sys.implementation.name == "pypy":
        return "skipped: PyPy has no subinterpreters"
    script = IN_SUBINTERPRETER.format(root=str(ROOT))
    if sys.version_info >= (3, 14):
        from concurrent import interpreters

        made = interpreters.create()
        made.exec(script)
        made.close()
        return "1 kind"
    if sys.version_info >= (3, 13):
        import _interpreters

        kinds = [("isolated",), ("legacy",)]
    else:
        import _xxsubinterpreters as _interpreters

        kinds = [()]
    for kind in kinds:
        number = _interpreters.create(*kind)
        failure = _interpreters.run_string(number, script)
        if failure is not None:
            raise SystemExit(str(failure))
        _interpreters.destroy(number)
    return f"{len(kinds)} kinds"


MODES = {
    mode.__name__: mode
    for mode in (
        *(usual, settrace, setprofile, monitoring, coverage_ctrace, coverage_sysmon, jit),
        *(replaced, stripped, zipped, subinterpreter),
    )
}


def main():
    for name in sys.argv[1:] or MODES:
        print(f"{name}: {MODES[name]()}", flush=True)


if __name__ == "__main__":
    main()
