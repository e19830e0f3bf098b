"""This side of ``python -m stackscope_pdb -p PID``: shows what the process says, reads commands.

How the two sides talk is the standard debugger's business (`pdb._PdbClient`). What differs: nothing
that the process says is trusted, for it may be another user's, and whatever code runs there.
"""

from __future__ import annotations

import re
import sys

from stackscope_pdb.debugger.own import Pdb
from stackscope_pdb.output.console import Console
from stackscope_pdb.output.harmless import encodable, harmless
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

    class Standard:
        """The standard client, as far as it is used here."""

        state: str
        pdb_commands: Any

        def __init__(self, *args: Any) -> None: ...

        def process_payload(self, payload: Any) -> None:
            """Do what the other end says."""

        def complete(self, text: str, state: int) -> Optional[str]:
            """One of the completions."""
            raise NotImplementedError

        def cmdloop(self) -> None:
            """Talk to the user."""

        def read_input(self, prompt: str, multiline_block: bool) -> str:
            """Read a line."""
            raise NotImplementedError

else:
    Standard = getattr(pdb, "_PdbClient", object)

_CODE = r"(?:[0-4]|2[2-4]|[34]8;5;\d{1,3}|[34][0-79]|9[0-7]|10[0-7])"
_COLORS = re.compile(rf"(\x1b\[(?:{_CODE}(?:;{_CODE})*)?m)")
"""What changes the colours and the weight of the text that follows."""

RESET = "\x1b[0m"


class Client(Standard):  # type: ignore[misc,unused-ignore]
    """The standard client, with our commands' help.

    Args:
        pid: The process.
        connection: The connection with it.
        interrupts: The one that Ctrl-C goes by, on Windows.
    """

    def __init__(self, pid: int, connection: Any, interrupts: Any) -> None:
        super().__init__(pid, connection, interrupts)
        self.pdb_instance: Pdb = Pdb(readrc=False)  # has our commands' help
        self.completion_matches: List[Any] = []
        self._takes_colors = Console(sys.stdout).colors

    def process_payload(self, payload: Any) -> None:
        """Do what the process asks for: show something, or read a line."""
        if type(payload) is dict:
            if type(payload.get("message")) is str:
                payload["message"] = self._shown(payload["message"])
            if type(payload.get("prompt")) is str:
                payload["prompt"] = self._shown(payload["prompt"]).replace("\n", "\\n")
        try:
            super().process_payload(payload)
        except RuntimeError:
            self._end_of_talk()

    def complete(self, text: str, state: int) -> Any:
        """What readline asks for at Tab. Completions that can't be typed are left out."""
        found = super().complete(text, state)
        if state == 0 and found is not None:
            matches: List[Any] = self.completion_matches
            self.completion_matches = [
                match for match in matches if type(match) is str and match.isprintable()
            ]
            found = self.completion_matches[0] if self.completion_matches else None
        return found

    def cmdloop(self) -> None:
        """Talk until one side ends it."""
        try:
            super().cmdloop()
        except UnicodeDecodeError:  # the standard client expects nothing but bad JSON
            self._end_of_talk()

    def read_command(self, prompt: str) -> str:
        """Read a command, or a statement of as many lines as it takes.

        As the standard one, but with ``await``, which the process answers.
        """
        from stackscope_pdb.program.evaluating import is_complete

        reply: str = self.read_input(prompt, multiline_block=False)
        if self.state == "dumb":
            return reply
        prefix = ""
        if self.state == "pdb":
            if not reply.strip() or self.pdb_instance.parseline(reply)[0] in self.pdb_commands:
                return reply
            if reply.startswith("!"):
                prefix, reply = "!", reply[1:].lstrip()
        whole = is_complete(reply + "\n")  # a block in one line is
        while not whole:
            reply += "\n" + self.read_input("...".ljust(len(prompt)), multiline_block=True)
            whole = is_complete(reply)
        return prefix + reply

    def read_input(self, prompt: str, multiline_block: bool) -> Any:
        """Read a line, and leave the terminal as it was if a signal ends this."""
        from stackscope_pdb.prompt.ending import keeps_terminal

        with keeps_terminal():
            return super().read_input(prompt, multiline_block)

    def _end_of_talk(self) -> None:
        print("*** The process doesn't answer like a debugger, so the connection was closed.")
        self.write_failed = True

    def _shown(self, text: str) -> str:
        """``text`` with all escaped that could do more to the terminal than colour that text."""
        if not self._takes_colors:
            return encodable(harmless(text), sys.stdout)
        parts = _COLORS.split(text)
        parts[::2] = map(harmless, parts[::2])
        shown = "".join(parts)
        if len(parts) > 1 and not shown.rstrip("\n").endswith((RESET, "\x1b[m")):
            shown += RESET
        return encodable(shown, sys.stdout)
