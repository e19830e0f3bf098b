"""What fails in the debugger itself never reaches the program: the user is told, and goes on."""

from __future__ import annotations

import importlib
import sys

import pytest

from stackscope_pdb import failures

TOLD = "A part of the debugger failed and is left out: "

EVERYWHERE = {
    # What fails at any stop, and what the user is told about then.
    "stackscope_pdb.commands.sticky:draw": "sticky code",
    "stackscope_pdb.debugger.lines:Watch": "what carries assignments into the frame",
    "stackscope_pdb.debugger.painting:Paints._colored_listing": "the listing",
    "stackscope_pdb.debugger.painting:harmless": "what makes text harmless",
    "stackscope_pdb.debugger.painting:one_line": "the place in the code",
    "stackscope_pdb.debugger.stepping:Stepping._trace_less": "what ends tracing",
    "stackscope_pdb.output.highlight:_renderer": "colours",
    "stackscope_pdb.output.highlight:_sixteen": "colours",
    "stackscope_pdb.output.highlight:wants_highlighting": "colours",
    "stackscope_pdb.program.finalizers:PassesFinalizers.pass_finalizers": "passes by finalizers",
    "stackscope_pdb.program.turns:is_as_before": "the list of stopped threads",
    "stackscope_pdb.program.evaluating:is_complete": "what reads statements",
    "stackscope_pdb.prompt.command_or_python:is_command": "what tells Python from commands",
    "stackscope_pdb.prompt.label:with_name": "the name in the prompt",
    "stackscope_pdb.settings:sticky_lines": "sticky code",
    "stackscope_pdb.stop.session:Session.arrive": "the memory of the stop",
    "stackscope_pdb.views.code:listing": "the listing",
    # These are told about by the command that needs them.
    "stackscope_pdb.output.console:Console.text": "where failed, which is a bug in stackscope",
    "stackscope_pdb.views.folding:folded": "where failed, which is a bug in stackscope",
    "stackscope_pdb.views.frames:stack_lines": "where failed, which is a bug in stackscope",
    "stackscope.render.threads:thread_lines": "threads failed, which is a bug in stackscope",
}

COMMANDS = ("where", "threads", "sticky on", "next", "value: int = 5", "stack (i for i in 'ab')")
COMMANDS += ("unfocus", "await x", "list", "print('still', 'here')", "continue")


class Injected(Exception):
    """What is raised in the place of a part of the debugger."""


def inject(monkeypatch, point):
    """Let what ``point`` names fail."""
    module, _, path = point.partition(":")
    *classes, name = path.split(".")
    owner = importlib.import_module(module)
    for each in classes:
        owner = getattr(owner, each)

    def fail(*_args, **_kwargs):
        raise Injected(point)

    monkeypatch.setattr(owner, name, fail)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch, fresh_settings):
    from stackscope_pdb.output import highlight

    monkeypatch.setattr(failures, "_told", set())
    monkeypatch.delenv("STACKSCOPE_PDB_DEBUG", raising=False)
    caches = (highlight._renderer.cache_clear, highlight.highlight_lines.cache_clear)
    for clear in caches:
        clear()
    yield
    for clear in caches:
        clear()


def program(session):
    x = 1
    session.stop()
    x += 1
    return x


@pytest.mark.parametrize("point", EVERYWHERE)
def test_a_stop_goes_on(scripted, monkeypatch, capsys, point):
    session = scripted(*COMMANDS)
    monkeypatch.setenv("FORCE_COLOR", "1")
    inject(monkeypatch, point)
    try:
        assert program(session) == 2
    finally:
        sys.settrace(None)
    output = session.output + capsys.readouterr().err
    assert "still here" in output
    assert EVERYWHERE[point] in output
    assert output.count(f"{TOLD}{EVERYWHERE[point]}") <= 1
    assert "Traceback" not in output


def test_the_standard_debugger_takes_over(scripted, monkeypatch):
    session = scripted("p x + 10", "continue")
    inject(monkeypatch, "stackscope_pdb.debugger.mixin:Commands.talk")
    assert program(session) == 2
    assert f"{TOLD}the prompt (Injected)" in session.output
    assert "(Pdb) 11\n" in session.output


def test_at_a_breakpoint(monkeypatch, capsys):
    import stackscope_pdb.entry.api as api

    inject(monkeypatch, "stackscope_pdb.entry.api:_debugger")
    monkeypatch.setattr(sys, "stdin", __import__("io").StringIO("p x + 10\ncontinue\n"))
    x = 1
    api.set_trace()
    x += 1
    sys.settrace(None)
    captured = capsys.readouterr()
    assert x == 2
    assert f"{TOLD}all of it (Injected)" in captured.err
    assert "(Pdb) 11\n" in captured.out


def test_the_traceback_is_there_for_who_wants_it(scripted, monkeypatch):
    monkeypatch.setenv("STACKSCOPE_PDB_DEBUG", "1")
    session = scripted("next", "threads", "continue")
    inject(monkeypatch, "stackscope_pdb.settings:sticky_lines")
    inject(monkeypatch, "stackscope.render.threads:thread_lines")
    assert program(session) == 2
    assert session.output.count(f"{TOLD}sticky code (Injected).") == 2
    assert "Injected: stackscope_pdb.settings:sticky_lines" in session.output
    assert "Injected: stackscope.render.threads:thread_lines" in session.output
    assert "STACKSCOPE_PDB_DEBUG" not in session.output


def test_where_falls_back_to_the_standard_one(scripted, monkeypatch):
    session = scripted("where", "continue")
    inject(monkeypatch, "stackscope_pdb.views.frames:stack_lines")
    assert program(session) == 2
    assert "program()" in session.replies[0].partition("bug in stackscope")[2]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_meant_for_the_program_passes(kind):
    def raise_it():
        raise kind

    with pytest.raises(kind):
        failures.attempt("anything", None, raise_it)


def test_a_command_that_fails_keeps_the_prompt(scripted, monkeypatch):
    session = scripted("next", "p x", "continue")
    inject(monkeypatch, "stackscope_pdb.debugger.mixin:Commands.do_next")
    assert program(session) == 2
    assert "next failed: " in session.replies[0]
    assert session.replies[1] == "1"


def test_a_broken_output_stops_nobody(scripted):
    session = scripted("where", "continue")
    session.pdb.stdout.close()
    assert program(session) == 2
