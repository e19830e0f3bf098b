"""Colours for sessions at a prompt and for what they print: ``.. code-block:: session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Generic, Keyword, Name, Number, String, Text

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PROMPTS = r"\(stackscope_pdb[^)\n]*\)|ipdb[^>\n]*>|\(Pdb\)|In \[\d+\]:|Out\[\d+\]:"
COMMANDS = r"(?:[A-Z_]+=\S+ )*(?:python3?|pytest|pip|nox|stackscope|docker|kubectl|kill)(?= )"


class Session(RegexLexer):  # type: ignore[misc]
    """A line is a prompt with a command, a command of the shell, or output."""

    name = "session"
    aliases = ("session",)
    tokens = {
        "root": [
            (rf"^({PROMPTS})( *)(\S+)?(.*\n)", bygroups(Generic.Prompt, Text, Keyword, Text)),
            (r"^(\$)( )(.*\n)", bygroups(Generic.Prompt, Text, Text)),
            (rf"^({COMMANDS})(.*\n)", bygroups(Keyword, Text)),
            (r"(held by|probably held by|waiting for each other|stuck)\b", Generic.Strong),
            (r"\b(waiting|running|ready|cancelling|starting|done)\b(?=:|  )", Name.Attribute),
            (r"^(->|>)(.*\n)", bygroups(Generic.Strong, Text)),
            (r"  # .*$", Comment),
            (r"[╠║╚├└│─⋮]+", Comment),
            (r"^ *\d+(?= )", Number),
            (r"\b[\w./-]+\.py(:\d+|\(\d+\))?", String),
            (r"\w+", Text),
            (r"[ \t]+|\n|.", Text),
        ]
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx about it."""
    app.add_lexer("session", Session)
    return {"parallel_read_safe": True}
