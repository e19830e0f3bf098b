"""Draws docs/pictures/terminal.svg: a session with the bank of the examples, in a terminal.

Needs nothing but this library and Pygments: ``python docs/terminal_picture.py``. The colours are
those of pages, light or dark as the reader's system is.
"""

from __future__ import annotations

import html
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

from stackscope.render.stream import width_of
from stackscope.render.style import WEB_COLORS

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "terminal.svg"

COMMANDS = ("tasks", "why")
PROGRAM = ("-c", "continue", "examples/bank.py", "--patient")
PROMPT = "(stackscope_pdb) "

COLUMNS = 88
CHARACTER, LINE = 8.4, 19
"""The width and the height of a character, in pixels at ``FONT_SIZE``."""
FONT_SIZE = 14
MARGIN = 16

SGR = re.compile(r"\x1b\[([\d;]*)m")
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GROUNDS = {"light": ("#ffffff", "#1f2328", "#d0d7de"), "dark": ("#111418", "#d7dbe0", "#3d444d")}
"""The colours of the ground, of text and of the frame around it all."""


def session(**environ):
    """What the terminal shows: prompts, commands and answers, in lines with escape sequences."""
    answers = subprocess.run(
        [sys.executable, "-m", "stackscope", "debug", *PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(COLUMNS), **environ},
        input="".join(f"{command}\n" for command in COMMANDS),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout.split(PROMPT)
    # Input that is no terminal isn't echoed.
    for command, answer in zip(COMMANDS, answers[1:]):
        yield f"{PROMPT}\x1b[1m{command}\x1b[0m"
        yield from answer.splitlines()


def spans(line):
    """The parts of a line: the column that each begins in, its text, and its attributes."""
    pieces = ["0", *SGR.split(line)]  # attributes and text, by turns
    pairs = [pair for pair in zip(pieces[::2], pieces[1::2]) if pair[1]]
    column = 0
    for attributes, group in itertools.groupby(pairs, lambda pair: pair[0]):
        text = "".join(piece for _, piece in group)
        yield column, text, attributes
        column += width_of(text)


def names(attributes):
    """The classes of the style sheet for some attributes."""
    found = [WEB_COLORS[each].name for each in attributes.split(";") if each in WEB_COLORS]
    return " ".join(["bold"] * ("1" in attributes.split(";")) + found)


def text_of(line, y):
    """A line of the picture. What is between its spans is where they stand, and not their text."""
    parts = []
    for column, text, attributes in spans(line):
        shown = text.strip(" ")
        if not shown:
            continue
        x = MARGIN + (column + len(text) - len(text.lstrip(" "))) * CHARACTER
        length = width_of(shown) * CHARACTER
        style = f' class="{names(attributes)}"' if attributes else ""
        parts.append(
            f'<tspan x="{x:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
            f"{style}>{html.escape(shown)}</tspan>"
        )
    return f'<text y="{y}">{"".join(parts)}</text>\n'


def style_sheet(scheme):
    """The rules of a colour scheme."""
    ground, text, frame = GROUNDS[scheme]
    colors = "".join(
        f".{one.name} {{ fill: {getattr(one, scheme)} }} " for one in WEB_COLORS.values()
    )
    return f"text {{ fill: {text} }} rect {{ fill: {ground}; stroke: {frame} }} {colors}"


def picture(lines):
    """The whole picture of some lines."""
    width, height = 2 * MARGIN + COLUMNS * CHARACTER, 2 * MARGIN + len(lines) * LINE
    texts = [text_of(line, MARGIN + 14 + index * LINE) for index, line in enumerate(lines)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img"'
        f' font-family="{FONT}" font-size="{FONT_SIZE}" xml:space="preserve">\n'
        "<title>A program that is stuck: the table of its tasks, and why they wait</title>\n"
        f"<style>.bold {{ font-weight: bold }} {style_sheet('light').rstrip()}\n"
        f"@media (prefers-color-scheme: dark) {{ {style_sheet('dark')} }}</style>\n"
        f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="6"/>\n'
        f"{''.join(texts)}</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(list(session(FORCE_COLOR="1"))), encoding="utf-8")
