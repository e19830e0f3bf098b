"""Sphinx directive `debugger-commands`: the debugger's own help, as a part of a page."""

from __future__ import annotations

import inspect

from docutils import nodes
from docutils.parsers.rst import Directive

from stackscope_pdb.commands.registry import commands


class DebuggerCommands(Directive):
    """A definition list: what to type, and what it does."""

    def run(self):
        items = [self.item(*command.help.partition("\n\n")[::2]) for command in commands()]
        return [nodes.definition_list("", *items)]

    def item(self, usage, text):
        term = nodes.term("", "", *self.lines(usage))
        return nodes.definition_list_item("", term, nodes.definition("", *self.blocks(text)))

    def lines(self, usage):
        for number, line in enumerate(usage.splitlines()):
            if number:
                yield nodes.Text(", ")
            yield nodes.literal("", line.strip())

    def blocks(self, text):
        """The paragraphs of a help text; indented ones and lists as they stand."""
        for block in text.split("\n\n"):
            lines = block.splitlines()
            if any(line.startswith(" ") for line in lines):
                yield nodes.literal_block("", inspect.cleandoc(block))
            else:
                yield nodes.paragraph("", " ".join(lines))


def setup(app):
    """Called by Sphinx."""
    app.add_directive("debugger-commands", DebuggerCommands)
    return {"parallel_read_safe": True}
