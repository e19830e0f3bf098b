"""The same lines at the prompt of the standard debugger and at ours: what is shown, and where the
program is afterwards. All differences have a name.
"""

from __future__ import annotations

import bdb
import io
import pdb  # noqa: T100
import re
import sys
import warnings

from stackscope_pdb import Pdb

PROGRAM = """\
import bdb
text = "of the module"

def helper(value):
    doubled = value * 2
    return doubled

def function(a, b, c, n, s, d):
    r = [1, 2]
    w = {"k": 1}
    args = (1, 2)
    factor = 3
    words = ["a", "bb"]
    x = helper(n)
    y = x + 1
    for i in range(2):
        y += i
    return y

def caller():
    result = function(1, 2, 3, 4, "s", {"x": 1})
    return result

caller()
"""

STOP = 1 + PROGRAM.split("\n").index("    x = helper(n)")

NAMES = "a variable that is named like a command is the variable"
NO_NAMES = "what looks like an expression doesn't run the program on, and says so"
NO_ARGUMENT = "a command that takes no argument does nothing if it is given one"
CLOSURES = "what is nested in a line sees the frame's variables"
ONCE = "a line whose functions fail is not run twice"
OURS = "a command of ours instead of the standard one"
QUITS = "exit() and quit() are what they look like"
BLOCKS = "a statement may have several lines"
LOST = "a change that this version can't make is named"
INDENT = "help isn't indented by the length of the prompt"
BANG = "spaces behind '!' do no harm, as from 3.13 on"
WARNS = "what the interpreter says about a jump is shown"
END = "the end of input is said in a sentence"
AWAIT = "a sentence says what to do"

LINES = {
    # the line, and why it differs, on one version at least
    "": None,
    "n": None,
    "next": None,
    "s": None,
    "step": None,
    "r": None,
    "c": None,
    "cont": None,
    "unt": None,
    "until 18": None,
    "until 3": None,
    "until x": None,
    "j 16": WARNS,
    "j 99": None,
    "j x": None,
    "p a": None,
    "p a, b": None,
    "p (a)": None,
    "p(a)": None,
    "p[a]": None,
    "p -a": None,
    "p": INDENT,
    "p nowhere": None,
    "p 1/0": None,
    "p a = 3": None,
    "pp w": None,
    "pp words": None,
    "whatis a": None,
    "whatis helper": None,
    "whatis str": None,
    "args": None,
    "a": None,
    "l": None,
    "l 1, 5": None,
    "list 1, 5": None,
    "l .": None,
    "ll": None,
    "source helper": None,
    "source a": None,
    "display a": None,
    "display nowhere": None,
    "undisplay a": None,
    "b": None,
    "b 17": None,
    "b 17, n == 4": None,
    "b helper": None,
    "b helper, value == 4": None,
    "b nowhere": None,
    "b 999": None,
    "tbreak 16": None,
    "tbreak 16, n == 4": None,
    "cl 1": None,
    "clear x": None,
    "condition 1": None,
    "disable 1": None,
    "enable x": None,
    "ignore 1 2": None,
    "commands 1": END,
    "alias pi p %1": None,
    "alias": None,
    "unalias pi": None,
    "h p": INDENT,
    "help next": INDENT,
    "help nowhere": None,
    "? p": INDENT,
    "retval": None,
    "rv": None,
    "a + 1": NAMES,
    "a == 3": NAMES,
    "a, b": NAMES,
    "b + 1": NAMES,
    "c == 3": NAMES,
    "c, n": NAMES,
    "c is None": NAMES,
    "d['x']": NAMES,
    "n + 1": NAMES,
    "n+1": NAMES,
    "n if a else b": NAMES,
    "n and b": NAMES,
    "r[0]": NAMES,
    "s.upper()": NAMES,
    "s[0:1]": NAMES,
    "w['k']": NAMES,
    "args[0]": NAMES,
    "list(r)": NAMES,
    "next(iter(r))": NAMES,
    "n = 7": NAMES,
    "n += 1": NAMES,
    "n: int = 3": NAMES,
    "c = 5": NAMES,
    "c, n = 1, 2": NAMES,
    "d['x'] = 2": NAMES,
    "n = n; n": NAMES,
    "!c": None,
    "!n + 1": None,
    "! n": BANG,
    "!": BANG,
    "q == 1": NO_NAMES,
    "q.put(3)": NO_NAMES,
    "unt + 1": NO_NAMES,
    "cont[0]": NO_NAMES,
    "step.x": NO_NAMES,
    "continue or 1": NO_NAMES,
    "n 3": NO_ARGUMENT,
    "c 5": NO_ARGUMENT,
    "q 5": NO_ARGUMENT,
    "return a": NO_ARGUMENT,
    "exit()": QUITS,
    "quit(1)": QUITS,
    "x = 1": None,
    "factor + 1": None,
    "factor = 4; factor": None,
    "print(factor)": None,
    "None": None,
    "'text'": None,
    "f'{factor}'": None,
    "1; 2": None,
    "1 +": None,
    "nowhere": None,
    "1/0": None,
    "raise SystemExit": None,
    "import os": None,
    "global text; text = 3": None,
    "del factor": LOST,
    "text": None,
    "f = lambda v: v * factor; f(2)": CLOSURES,
    "(lambda: factor)()": CLOSURES,
    "x = 5; (lambda: x)()": CLOSURES,
    "[v * factor for v in r]": CLOSURES,
    "[[v * factor for v in r] for u in r]": CLOSURES,
    "sorted(words, key=lambda v: -len(v) * factor)": CLOSURES,
    "p sum(len(v) * factor for v in words)": CLOSURES,
    "pp [v for v in words if len(v) < factor]": CLOSURES,
    "display sum(v * factor for v in r)": CLOSURES,
    "[r.append(3), (lambda: nowhere)()]; r": ONCE,
    "for v in r: print(v)": None,
    "for v in r: v": None,
    "if a:": BLOCKS,
    "await a": AWAIT,
    "p await a": AWAIT,
    "p a;; p b": None,
    "n;; n": None,
    "p 'a;;b'": None,
    "w": OURS,
    "u": None,
    "d": None,
    "up 9": OURS,
}


ALWAYS = frozenset((NAMES, NO_NAMES, NO_ARGUMENT, CLOSURES, QUITS, BLOCKS, AWAIT))
"""What differs wherever the standard debugger is that of 3.11 or before."""


def forget_breakpoints():
    bdb.Breakpoint.bplist.clear()
    bdb.Breakpoint.bpbynumber[:] = [None]
    bdb.Breakpoint.next = 1


def outcome(cls, line, tmp_path):
    """What is shown if ``line`` is typed, and where the program is then."""
    out = io.StringIO()
    # Not by set_trace(): ours stops at the call on each version.
    stop = [f"tbreak {tmp_path / 'program.py'}:{STOP}", "c"]
    more = [*stop, line, "    p 'in a block'", "", "!print(repr((n, r, text)))", "l ., 1", "q"]
    debugger = cls(
        stdin=io.StringIO("".join(f"{one}\n" for one in more)),
        stdout=out,
        nosigint=True,
        readrc=False,
    )
    debugger.use_rawinput = False
    forget_breakpoints()
    code = compile(PROGRAM, str(tmp_path / "program.py"), "exec")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            debugger.run(code, {"__name__": "program"})
    except bdb.BdbQuit:
        pass
    except ValueError as exc:  # exit() has closed the standard one's input
        out.write(str(exc))
    finally:
        sys.settrace(None)
        forget_breakpoints()
    return re.sub("0x[0-9a-f]+", "0x", out.getvalue().replace("(stackscope_pdb)", "(Pdb)"))


def test_every_difference_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "program.py").write_text(PROGRAM)
    different = {
        line for line in LINES if outcome(pdb.Pdb, line, tmp_path) != outcome(Pdb, line, tmp_path)
    }
    assert different <= {line for line, why in LINES.items() if why is not None}
    if sys.version_info < (3, 12):
        assert different >= {line for line, why in LINES.items() if why in ALWAYS}
