"""Sphinx directive `debugger-commands`: the debugger's own help, as a part of a page.

Its argument is ``ours``, for what is in the table of commands, or ``standard``, for what is in the
``pdb`` of the Python that builds the page.
"""

from __future__ import annotations

import inspect
import pdb  # noqa: T100
import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

import stackscope_pdb.commands
from stackscope_pdb import Pdb
from stackscope_pdb.commands.registry import commands, groups

TYPED = re.compile(r"(?<!\w)'([^']+)'(?!\w)|(?<!\S)--?[a-z]\S*(?<![,.])|\b[A-Z_]{8,}=\w+")


def words(text):
    """Text in which what can be typed, in quotes or an option, is marked as that."""
    end = 0
    for found in TYPED.finditer(text):
        yield nodes.Text(text[end : found.start()])
        yield nodes.literal("", found.group(1) or found.group())
        end = found.end()
    yield nodes.Text(text[end:])


class DebuggerCommands(Directive):
    """A section for each group of commands: what to type, and what it does."""

    required_arguments = 1

    def run(self):
        for module in Path(stackscope_pdb.commands.__file__).parent.glob("*.py"):
            self.state.document.settings.record_dependencies.add(str(module))
        return list(getattr(self, self.arguments[0])())

    def ours(self):
        """Our commands, in sections."""
        for title, entries in groups():
            section = nodes.section("", nodes.title("", title), ids=[nodes.make_id(title)])
            section.append(nodes.definition_list("", *map(self.item, entries), classes=["simple"]))
            self.state.document.note_implicit_target(section)
            yield section

    def standard(self):
        """The commands of the standard debugger, but for those that we have, in one list."""
        taken = {name for entry in commands() for name in entry.names}
        texts = {}
        taken.add("EOF")
        for name, _ in inspect.getmembers(pdb.Pdb, inspect.isfunction):
            help_text = getattr(Pdb, name).__doc__  # ours says what else it can do
            if name.startswith("do_") and name[3:] not in taken and help_text:
                texts.setdefault(inspect.cleandoc(help_text), name)
        for text in texts:
            usage, _, rest = text.partition("\n\n")
            first = usage.splitlines()[0]
            for prefix in ("Usage: ", "(Pdb) "):
                first = first[len(prefix) :] if first.startswith(prefix) else first
            brief = rest.partition("\n\n")[0]
            term = nodes.term("", "", nodes.literal("", first))
            definition = nodes.definition("", *self.blocks(brief))
            yield nodes.definition_list("", nodes.definition_list_item("", term, definition))

    def item(self, entry):
        usage, _, text = entry.help.partition("\n\n")
        term = nodes.term("", "", *self.lines(usage), ids=[f"command-{entry.name}"])
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
                yield nodes.paragraph("", "", *words(" ".join(lines)))


def setup(app):
    """Called by Sphinx."""
    app.add_directive("debugger-commands", DebuggerCommands)
    return {"parallel_read_safe": True}
