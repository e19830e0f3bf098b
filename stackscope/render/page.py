"""What stands around the HTML of stacks: its style sheet, and the page with its script.

Nothing here comes from the inspected program, but for what `html_page` is given.
"""

from __future__ import annotations

from stackscope.render.style import STYLES, TOKENS, WEB_COLORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

__all__ = ["class_of_token", "html_page", "style_sheet"]

FRAGMENT = """
.stackscope{background:var(--jp-layout-color0,var(--ss-ground));color:var(--jp-content-font-color1,
var(--ss-ink));font:var(--jp-code-font-size,13px)/1.5 var(--jp-code-font-family,ui-monospace,Menlo,
Consolas,"DejaVu Sans Mono",monospace);padding:4px 8px;text-align:left;overflow-wrap:anywhere}
.stackscope summary,.stackscope .ss-line,.stackscope .ss-title{white-space:pre-wrap}
.stackscope summary{cursor:pointer;display:block;list-style:none;padding-left:2.4em;
text-indent:-2.4em}
.stackscope summary::-webkit-details-marker{display:none}
.stackscope summary::before{color:var(--ss-dim);content:"\\25B8";display:inline-block;
text-indent:0;width:1.2em}
.stackscope details[open]>summary::before{content:"\\25BE"}
.stackscope summary:hover{background:var(--jp-layout-color2,var(--ss-hover))}
.stackscope.stackscope ul,.stackscope.stackscope li{list-style:none;margin:0;padding:0}
.stackscope.stackscope .ss-in{border-left:1px solid var(--jp-border-color2,var(--ss-border));
margin-left:.45em;padding-left:.6em}
.stackscope .ss-title,.stackscope.stackscope .ss-line{padding-left:2.4em;text-indent:-1.2em}
.stackscope.stackscope .ss-node{margin-top:.2em}
.stackscope.stackscope a:any-link{color:inherit;text-decoration:underline}
.stackscope summary:focus-visible,.stackscope a:focus-visible{outline:2px solid var(--ss-cyan);
outline-offset:1px}
.stackscope :target,.stackscope :target>summary{background:var(--jp-layout-color2,var(--ss-hover))}
.stackscope .ss-mark{display:inline-block;text-indent:0;width:1.2em}
.stackscope.stackscope .ss-warn{border-left:3px solid var(--ss-red);padding-left:1.8em}
.stackscope [hidden]{display:none!important}
@media(max-width:600px){.stackscope{font-size:12px;padding:2px 4px}
.stackscope.stackscope .ss-in{margin-left:.3em;padding-left:.25em}}
"""
"""The style of a tree. Notebooks have colours and fonts of their own, with names in ``--jp-``.

The class stands twice where JupyterLab has a rule of its own, as for links and lists.
"""

GROUNDS = {
    "light": "--ss-ground:#fff;--ss-ink:#1f2328;--ss-border:#d0d4da;--ss-hover:#eef1f4;"
    "color-scheme:light",
    "dark": "--ss-ground:#111;--ss-ink:#e3e6ea;--ss-border:#454b54;--ss-hover:#2a2f36;"
    "color-scheme:dark",
}

IS_LIGHT = ('[data-jp-theme-light="true"] .stackscope', ".vscode-light .stackscope")
IS_DARK = (
    '[data-jp-theme-light="false"] .stackscope',
    ".vscode-dark .stackscope",
    ".vscode-high-contrast .stackscope",
)
"""Where the theme of a notebook matters, not that of the browser."""

PAGE = """
body{margin:0}
body.stackscope{min-height:100vh;padding:0 1em 3em}
.stackscope h1{font-size:1.25em;margin:.8em 0 .4em}
.stackscope .ss-tools{background:var(--ss-ground);border-bottom:1px solid var(--ss-border);
display:flex;flex-wrap:wrap;gap:.5em;padding:.5em 0;position:sticky;top:0}
.stackscope input,.stackscope button{background:var(--ss-hover);border:1px solid var(--ss-dim);
border-radius:4px;color:inherit;font:inherit;padding:.2em .6em}
.stackscope input{flex:1 1 12em;max-width:30em;min-width:0}
.stackscope table{border-collapse:collapse;white-space:normal}
.stackscope th,.stackscope td{padding:.1em 1.2em .1em 0;text-align:left;vertical-align:top}
.stackscope th{min-width:9em}.stackscope th:first-child{min-width:6em}
.stackscope th:nth-child(3){min-width:14em}
.stackscope section,.stackscope nav{margin:.6em 0}
.stackscope footer{color:var(--ss-dim);margin-top:1em}
.stackscope :target{scroll-margin-top:4em}
@media(max-width:600px){body.stackscope{padding:0 .4em 3em}.stackscope thead{display:none}
.stackscope tr,.stackscope td{display:block}.stackscope td{padding:0 0 0 1em}
.stackscope td:first-child{padding:.3em 0 0}}
@media print{.stackscope .ss-tools{display:none}}
"""

SCRIPT = """
(function () {
  "use strict";
  var tree = document.getElementById("tree"), box = document.getElementById("search");
  var found = document.getElementById("found"), timer = 0, before = null;
  var lines = Array.prototype.slice.call(
    tree.querySelectorAll("summary, .ss-line, .ss-item > .ss-title"));
  var texts = lines.map(function (line) { return line.textContent.toLowerCase(); });
  function all() { return Array.prototype.slice.call(tree.querySelectorAll("details")); }
  function fold(open) { all().forEach(function (one) { one.open = open; }); }
  function part(line) {
    var up = line.parentNode;
    return line.tagName === "SUMMARY" || line.classList.contains("ss-title") ? up : line;
  }
  function search() {
    var text = box.value.trim().toLowerCase(), count = 0, shown = new Set();
    if (text && !before) { before = all().map(function (one) { return [one, one.open]; }); }
    lines.forEach(function (line) { part(line).hidden = Boolean(text); });
    if (!text) {
      (before || []).forEach(function (one) { one[0].open = one[1]; });
      before = null;
      found.textContent = "";
      return;
    }
    lines.forEach(function (line, index) {
      var one = part(line);
      if (shown.has(one)) { one.hidden = false; }
      if (texts[index].indexOf(text) === -1) { return; }
      count += 1;
      one.hidden = false;
      if (!shown.has(one)) {
        Array.prototype.forEach.call(one.querySelectorAll("[hidden], .ss-item, .ss-line, details"),
          function (below) { shown.add(below); });
      }
      for (var up = one.parentNode; up !== tree; up = up.parentNode) {
        up.hidden = false;
        if (up.tagName === "DETAILS") { up.open = true; }
      }
    });
    found.textContent = count === 1 ? "1 line" : count + " lines";
  }
  function reveal() {
    var one = document.getElementById(location.hash.slice(1));
    if (!one || !tree.contains(one)) { return; }
    if (box.value) { box.value = ""; search(); }
    for (var up = one; up !== tree; up = up.parentNode) {
      if (up.tagName === "DETAILS") { up.open = true; }
    }
    one.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  box.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  document.getElementById("unfold").addEventListener("click", function () { fold(true); });
  document.getElementById("fold").addEventListener("click", function () { fold(false); });
  document.getElementById("tools").hidden = false;
  reveal();
})();
"""

TOOLS = """<div class="ss-tools" id="tools" role="search" hidden>
<input id="search" type="search" aria-label="Search" placeholder="Search" autocomplete="off">
<button id="unfold" type="button">Unfold all</button>
<button id="fold" type="button">Fold all</button>
<span id="found" role="status"></span>
</div>"""


def style_sheet() -> str:
    """The style of a tree, with the colours of `STYLES`."""
    light, dark = _variables(is_dark=False), _variables(is_dark=True)
    rules = [
        FRAGMENT.replace("\n", ""),
        f".stackscope{{{light}}}@media(prefers-color-scheme:dark){{.stackscope{{{dark}}}}}",
        f"{','.join(IS_LIGHT)}{{{light}}}{','.join(IS_DARK)}{{{dark}}}",
    ]
    return "".join([*rules, *_colors()])


def _variables(*, is_dark: bool) -> str:
    colors = [
        f";--ss-{color.name}:{color.dark if is_dark else color.light}"
        for color in WEB_COLORS.values()
    ]
    return GROUNDS["dark" if is_dark else "light"] + "".join(colors)


def _colors() -> Iterator[str]:
    for kind, style in STYLES.items():
        if style.attributes:
            yield f".stackscope .ss-{kind}{{{_declarations(style.attributes)}}}"
    for kind, attributes in TOKENS:
        if attributes:
            yield f".stackscope .{class_of_token(kind)}{{{_declarations(attributes)}}}"


def _declarations(attributes: str) -> str:
    return ";".join(
        [
            "font-weight:600" if one == "1" else f"color:var(--ss-{WEB_COLORS[one].name})"
            for one in attributes.split(";")
        ]
    )


def class_of_token(kind: str) -> str:
    """The class of a token of source text: ``ss-keyword-constant``."""
    return "ss-" + kind.partition(".")[2].lower().replace(".", "-")


def html_page(title: str, alerts: str, index: str, tree: str, legend: str) -> str:
    """A page that needs nothing else, and in which no script but its own can run.

    Args:
        title: What it is about, escaped.
        alerts: What matters most, as HTML.
        index: The list of what is in the tree, as HTML.
        tree: The tree as HTML.
        legend: What its marks mean, as HTML.
    """
    style = f"{style_sheet()}{PAGE}".replace("\n", "")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(SCRIPT)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="stackscope"><main>
<h1>{title}</h1>
{TOOLS}
{alerts}{index}<section id="tree" aria-label="Stacks">{tree}</section>
</main><footer>{legend}</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    """How a content security policy names an element by what is in it."""
    import base64
    import hashlib

    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
