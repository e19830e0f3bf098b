"""`stack`."""

from __future__ import annotations

import pytest

from tests.pdb.focused import run, stop_in


class TestStack:
    def test_a_generator(self, scripted):
        session = scripted("stack generator", "p number", "number = 7", "where", "next", "s", "c")
        run(session)
        assert "-> yield number" in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb generator)"
        assert session.replies[1] == "1"
        assert "'generator' (of type generator), which is suspended:" in session.replies[3]
        assert "'next' can't run 'generator'" in session.replies[4]
        assert "no task drives it" in session.replies[4]
        assert "'step' can't run 'generator'" in session.replies[5]

    def test_a_task_is_the_task(self, scripted):
        session = scripted("stack task", "c")
        run(session)
        assert "-> await gate.wait()" in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb kid)"

    def test_a_thread_is_the_thread(self, scripted, worker):
        session = scripted("!import threading", "stack threading.enumerate()[-1]", "c")
        stop_in(session)
        assert session.prompts[2] == "(stackscope_pdb a-worker)"

    def test_an_exception(self, scripted):
        session = scripted("stack failure", "where", "next", "c")
        run(session)
        assert "-> 1 / 0" in session.replies[0]
        assert "which has ended:" in session.replies[1]
        assert "an exception has ended it." in session.replies[2]

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("stack", "The stack of what?"),
            ("stack 3", "'3', which is of type int, has no stack."),
            ("stack nothing", "NameError: name 'nothing' is not defined"),
            ("stack undriven +", "SyntaxError"),
        ],
    )
    def test_refusals(self, scripted, command, answer):
        session = scripted(command, "c")
        run(session)
        assert answer in session.replies[0]
        assert session.prompts[1] == "(stackscope_pdb)"

    def test_a_coroutine_that_has_not_begun(self, scripted):
        session = scripted("stack undriven", "next", "c")
        run(session)
        assert "no task drives it" in session.replies[1]
