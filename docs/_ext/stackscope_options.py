"""Sphinx directive `stackscope-options`: the table of the options of ``%stackscope``."""

from __future__ import annotations

from debugger_commands import words
from docutils import nodes
from docutils.parsers.rst import Directive

from stackscope_ipython.options import options_of


class StackscopeOptions(Directive):
    """A definition list: what to type, and what it does. Its argument is ``line`` or ``cell``."""

    required_arguments = 1

    def run(self):
        items = [self.item(option) for option in options_of(self.arguments[0])]
        return [nodes.definition_list("", *items)]

    def item(self, option):
        term = nodes.term("", "", nodes.literal("", option.usage))
        text = nodes.paragraph("", "", *words(option.help))
        return nodes.definition_list_item("", term, nodes.definition("", text))


def setup(app):
    """Called by Sphinx."""
    app.add_directive("stackscope-options", StackscopeOptions)
    return {"parallel_read_safe": True}
