"""Notices exceptions and lines by `sys.monitoring` (3.12 and later), at nearly no cost."""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Dict, List, Optional, Protocol

    from stackscope_pdb.program.watched import Watched

    class Client(Protocol):
        """Who is told."""

        def noticed_exception(self, frame: FrameType, exc: BaseException) -> None:
            """An exception goes through a frame."""

        def noticed_handling(self) -> None:
            """An exception is handled, so that another one may come to be where it was."""

        def noticed_elsewhere(self, frame: FrameType, info: Any) -> None:
            """The same in a thread that has no client."""

        def noticed_line(self, frame: FrameType) -> None:
            """A frame in which something is watched comes to a line."""

        def noticed_end(self, frame: FrameType) -> None:
            """A frame in which something is watched ends."""


NAME = "stackscope_pdb"
_TOOLS = (3, 4, 1, 2, 5)
"""Those that nobody has a claim on come first."""


class Monitor:
    """What threads do, told to their debuggers.

    Args:
        client: The debugger of this thread.
    """

    def __init__(self, client: Client) -> None:
        self._first = client
        self._clients = threading.local()
        self.serve(client)
        self._tool: Optional[int] = None
        self._codes: List[CodeType] = []
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]

    def serve(self, client: Client) -> None:
        """Tell this debugger what the thread does that this is called in."""
        self._clients.client = client

    def _client(self) -> Optional[Client]:
        return getattr(self._clients, "client", None)

    def watch_for(self, watched: Watched) -> bool:
        """Tell of nothing else than this from now on. Says whether there is a place for it."""
        if not watched:
            self.close()
            return True
        if self._tool is None and not self._open():
            return False
        events = self._monitoring.events
        for code in self._codes:
            self._monitoring.set_local_events(self._tool, code, 0)
        self._codes = watched.codes()
        for code in self._codes:
            self._monitoring.set_local_events(self._tool, code, events.LINE | events.PY_RETURN)
        until = watched.until[1] if watched.until is not None and watched.caught else None
        if until is not None and until not in self._codes:
            self._codes.append(until)
            self._monitoring.set_local_events(self._tool, until, events.PY_RETURN)
        everywhere = events.RAISE | events.EXCEPTION_HANDLED if watched.caught else 0
        ends = events.PY_UNWIND if self._codes else 0
        self._monitoring.set_events(self._tool, everywhere | ends)
        return True

    def close(self) -> None:
        """Tell of nothing, and leave no trace."""
        tool, self._tool = self._tool, None
        if tool is None or self._monitoring.get_tool(tool) != NAME:
            return
        self._monitoring.set_events(tool, 0)
        for code in self._codes:
            self._monitoring.set_local_events(tool, code, 0)
        self._codes = []
        for event in self._callbacks():
            self._monitoring.register_callback(tool, event, None)
        self._monitoring.free_tool_id(tool)

    def _open(self) -> bool:
        for tool in _TOOLS:
            if self._monitoring.get_tool(tool) is None:
                self._monitoring.use_tool_id(tool, NAME)
                for event, callback in self._callbacks().items():
                    self._monitoring.register_callback(tool, event, callback)
                self._tool = tool
                return True
        return False

    def _callbacks(self) -> Dict[int, Any]:
        events = self._monitoring.events
        return {
            events.RAISE: self._raised,
            events.EXCEPTION_HANDLED: self._handled,
            events.LINE: self._line,
            events.PY_RETURN: self._returned,
            events.PY_UNWIND: self._returned,
        }

    def _raised(self, code: CodeType, offset: int, exc: BaseException) -> None:
        client = self._client()
        if client is not None:
            client.noticed_exception(sys._getframe(1), exc)
        else:
            info = (type(exc), exc, exc.__traceback__)
            self._first.noticed_elsewhere(sys._getframe(1), info)

    def _handled(self, code: CodeType, offset: int, exc: BaseException) -> None:
        client = self._client()
        if client is not None:
            client.noticed_handling()

    def _line(self, code: CodeType, line: int) -> None:
        client = self._client()
        if client is not None:
            client.noticed_line(sys._getframe(1))

    def _returned(self, code: CodeType, offset: int, value: object) -> None:
        client = self._client() if code in self._codes else None
        if client is not None:
            client.noticed_end(sys._getframe(1))
