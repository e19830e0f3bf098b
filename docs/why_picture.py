"""Draws docs/why.svg: who waits for whom in the bank of the examples. Needs nothing but Python."""

from __future__ import annotations

from pathlib import Path

NODES = {  # name: (x, y, whether it is at the heart)
    "task 8 (bank-ada)": (420, 40, True),
    "task 6 (journal)": (420, 160, True),
    "task 10 (bank-bob)": (90, 20, False),
    "task 12 (bank-cleo)": (90, 90, False),
    "task 14 (bank-dan)": (90, 160, False),
}
EDGES = [  # from, to, what, whether it is certain
    ("task 10 (bank-bob)", "task 8 (bank-ada)", "Lock", True),
    ("task 12 (bank-cleo)", "task 8 (bank-ada)", "Lock", True),
    ("task 14 (bank-dan)", "task 8 (bank-ada)", "Lock", True),
    ("task 6 (journal)", "task 8 (bank-ada)", "Lock", True),
    ("task 8 (bank-ada)", "task 6 (journal)", "Queue", False),
]
WIDTH, HEIGHT = 160, 36


def edge(source, target, what, certain):
    """An arrow with its words."""
    x1, y1, _ = NODES[source]
    x2, y2, _ = NODES[target]
    if x1 == x2:
        side = 25 if y1 > y2 else -25
        x1, x2 = x1 + side, x2 + side
        y1, y2 = (y1, y2 + HEIGHT) if y1 > y2 else (y1 + HEIGHT, y2)
        label = x1 + (22 if side > 0 else -24), (y1 + y2) / 2
    else:
        x1, x2, y1, y2 = x1 + WIDTH / 2, x2 - WIDTH / 2, y1 + HEIGHT / 2, y2 + HEIGHT / 2
        label = (x1 + x2) / 2, (y1 + y2) / 2 - 6
    dash = "" if certain else ' stroke-dasharray="5 4"'
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#666"{dash}'
        ' marker-end="url(#tip)"/>'
        f'<text x="{label[0]}" y="{label[1]}" fill="#666">{what}</text>'
    )


def node(name, x, y, is_heart):
    """A box with its name."""
    color = "#c00000" if is_heart else "#666"
    return (
        f'<rect x="{x - WIDTH / 2}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="none"'
        f' stroke="{color}" stroke-width="{2 if is_heart else 1}"/>'
        f'<text x="{x}" y="{y + 23}" fill="{color}">{name}</text>'
    )


def picture():
    """The whole picture."""
    tip = (
        '<defs><marker id="tip" markerWidth="9" markerHeight="7" refX="9" refY="3.5" orient="auto">'
        '<polygon points="0 0, 9 3.5, 0 7" fill="#666"/></marker></defs>'
    )
    parts = [edge(*one) for one in EDGES] + [node(name, *one) for name, one in NODES.items()]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 210" font-family="sans-serif"'
        f' font-size="13" text-anchor="middle">{tip}{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("why.svg").write_text(picture(), encoding="utf-8")
