"""Programs that draw on the terminal themselves, and let go of it for our prompt."""

from __future__ import annotations

PROGRAM = """
import time
from prompt_toolkit.shortcuts import ProgressBar, PromptSession
from prompt_toolkit.key_binding import KeyBindings

def in_another_thread_than_the_bar():
    with ProgressBar() as bar:
        for i in bar(range(8)):
            if i == 3:
                breakpoint()
            time.sleep(0.01)

bindings = KeyBindings()

@bindings.add("c-b")
def in_a_binding(event):
    number = 5
    breakpoint()
    event.app.current_buffer.insert_text(str(number))

in_another_thread_than_the_bar()
print("answer:", PromptSession(key_bindings=bindings).prompt("question> "))
"""


def test_an_application_of_prompt_toolkit_is_hidden_meanwhile(screen):
    session = screen(PROGRAM, "-m", "stackscope_pdb", "-c", "c", "app.py")
    first = session.wait_for_prompt()
    assert first.splitlines()[-2] == "-> breakpoint()"
    assert session.ask("p i * 14") == "42"
    assert session.ask("p i * 15") == "45"
    session.child.send("c\r")
    session.wait("question>")
    assert "8/  8" in session.text
    session.child.send("ab\x02")
    session.wait_for_prompt()
    assert session.ask("number = 6") == ""
    assert session.ask("p number") == "6"
    session.child.send("c\r")
    session.wait("question> ab6")
    session.child.send("c\r")
    session.wait(lambda text: "answer: ab6c" in text)
