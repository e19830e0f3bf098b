"""What Tab offers after ``%stackscope``: options, tasks, and the user's names.

In a terminal as in a kernel the completer of the shell is asked. It has a matcher of ours, which
keeps others quiet where it knows the answer: Jedi would take ``--all`` for Python
(IPython/core/completer.py). Attributes, items and paths are left to IPython's own.
"""

from __future__ import annotations

import stackscope
from stackscope_ipython.looking import View
from stackscope_ipython.options import OPTIONS, options_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from IPython.core.interactiveshell import InteractiveShell

NAMES = {"%stackscope": "line", "%%stackscope": "cell"}
"""The words that begin such a line; without percent signs with %automagic."""

IDENTIFIER = "stackscope.magics"
"""What the matcher is called in the shell's configuration."""


class Completer:
    """The completion of a shell.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._matcher = _matcher(shell)
        self._matchers().insert(0, self._matcher)

    def undo(self) -> None:
        """Complete nothing any more."""
        matchers = self._matchers()
        matchers[:] = [one for one in matchers if one is not self._matcher]

    def _matchers(self) -> List[Any]:
        completer: Any = self.shell.Completer
        matchers: List[Any] = completer.custom_matchers
        return matchers


def _matcher(shell: InteractiveShell) -> Any:
    from IPython.core.completer import SimpleCompletion, context_matcher

    def stackscope_magics(context: Any) -> Any:
        text = context.line_with_cursor[: context.cursor_position]
        if not text.endswith(context.token):  # `shell.complete` counts from the word's beginning
            text = context.line_with_cursor
        found = completions(shell, text)
        if found is None:
            return {"completions": [], "suppress": False}
        word, names = found
        return {
            "completions": [SimpleCompletion(text=name, type="param") for name in names],
            "matched_fragment": word,
            "ordered": True,
            "suppress": True,
        }

    decorate: Any = context_matcher(identifier=IDENTIFIER)
    return decorate(stackscope_magics)


def completions(shell: InteractiveShell, text: str) -> Optional[Tuple[str, List[str]]]:
    """What may stand at the end of a line.

    Args:
        shell: The shell.
        text: The line up to the cursor.

    Returns:
        The word that is typed, and what it may become; ``None`` if IPython shall tell.
    """
    words = text.split()
    where = _magic(shell, words[0]) if words else None
    if where is None or text == words[0]:
        return None
    word = "" if text[-1:].isspace() else words[-1]
    before = words[-1] if not word else words[-2]
    if _needs_value(before, where):
        return None
    if word.startswith("-"):
        names = [name for option in options_of(where) for name in option.names]
    elif where == "cell":
        names = []
    elif not word or word.replace("-", "_").isidentifier() or word.isdecimal():
        names = [*tasks(), *_names_of_user(shell)]
    else:
        return None
    return word, list(dict.fromkeys(name for name in names if name.startswith(word)))


def _magic(shell: InteractiveShell, word: str) -> Optional[str]:
    """Which magic a line is for, if it is for one of ours."""
    if word == "stackscope" and shell.automagic:
        return "line"
    return NAMES.get(word)


def _needs_value(word: str, where: str) -> bool:
    """Whether a word is an option that has to be followed by a value."""
    return any(
        word in option.names and option.value and not option.value.startswith("[")
        for option in OPTIONS
        if where in option.where
    )


def _names_of_user(shell: InteractiveShell) -> List[str]:
    hidden = shell.user_ns_hidden
    return [name for name in list(shell.user_ns) if not name.startswith("_") and name not in hidden]


def tasks() -> List[str]:
    """The numbers and names of the user's tasks, by which the magic finds them."""
    view = View(stackscope.extract_all(with_contexts=False))
    nodes = list(view.snapshot.tasks())
    names = [node.name for node in nodes if not any(map(str.isspace, node.name))]
    return [str(node.number) for node in nodes] + names
