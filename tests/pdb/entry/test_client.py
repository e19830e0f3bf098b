"""What the process that is attached to says, shown."""

from __future__ import annotations

import pdb  # noqa: T100
import socket

import pytest

if not hasattr(pdb, "_PdbClient"):
    pytest.skip("attaching takes Python 3.14", allow_module_level=True)

from stackscope_pdb.entry.client import Client

HOSTILE = "\x1b]0;title\x07\x1b[8mhidden\x1b[2J\u202e\r\udc80"
ESCAPED = "\\x1b]0;title\\x07\\x1b[8mhidden\\x1b[2J\\u202e\\r\\udc80"


@pytest.fixture
def talk(monkeypatch, capsys):
    """Let the process say something; gives what is shown."""
    monkeypatch.setenv("NO_COLOR", "1")

    def talk(*messages, colors=False):
        here, there = socket.socketpair()
        with here, there:
            client = Client(1, here, None)
            client._takes_colors = colors
            there.sendall(b"".join(messages))
            there.shutdown(socket.SHUT_WR)
            client.cmdloop()
        return capsys.readouterr().out

    return talk


def message(text, kind="info"):
    import json

    return json.dumps({"message": text, "type": kind}).encode() + b"\n"


@pytest.mark.parametrize("kind", ["info", "error", "other"])
@pytest.mark.parametrize("colors", [False, True])
def test_messages(talk, kind, colors):
    assert ESCAPED in talk(message(HOSTILE, kind), colors=colors)


def test_our_own_colors(talk):
    painted = "\x1b[1;36mname\x1b[0m = \x1b[38;5;120m1\x1b[39m\n"
    assert talk(message(painted), colors=True) == painted + "\x1b[0m"
    assert "\x1b" not in talk(message(painted), colors=False)


def test_prompts(talk, monkeypatch):
    prompts = []
    monkeypatch.setattr("builtins.input", prompts.append)
    monkeypatch.setattr(
        Client, "read_input", lambda self, prompt, **_: prompts.append(prompt) or ""
    )
    import json

    talk(json.dumps({"prompt": HOSTILE + "\nroot password: ", "state": "pdb"}).encode() + b"\n")
    assert prompts == [ESCAPED + "\\nroot password: "]


def test_completions_that_are_no_names(monkeypatch):
    import json

    readline = pytest.importorskip("readline")
    here, there = socket.socketpair()
    with here, there, socket.socket() as unused:
        client = Client(1, here, None)
        client.state = "pdb"
        client.signal_read = unused
        monkeypatch.setattr(readline, "get_line_buffer", lambda: "")
        answer = {"completions": ["fine", HOSTILE, "also\nfine", "good"]}
        there.sendall(json.dumps(answer).encode() + b"\n")
        monkeypatch.setattr(client, "_readline", lambda: here.makefile("rb").readline())
        assert [client.complete("", number) for number in range(3)] == ["fine", "good", None]


@pytest.mark.parametrize(
    "nonsense", [b"[1]\n", b"7\n", b'{"message": 3, "type": "info"}\n', b"\xff\xfe\n"]
)
def test_nonsense(talk, nonsense):
    assert "doesn't answer like a debugger" in talk(nonsense, message("never shown"))
    assert "never shown" not in talk(nonsense, message("never shown"))


def test_no_json(talk):
    assert talk(b"\x1b]0;title\x07\n") == "*** Invalid JSON from remote: b'\\x1b]0;title\\x07\\n'\n"
