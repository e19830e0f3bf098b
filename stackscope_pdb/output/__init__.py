"""Private. What is written, once it is known what to say: by the package `stackscope_pdb.views`.

=============  ======================================================================
`console`      the width and the characters of the terminal; spans become text for it
`terminal`     whether a stream is a terminal, for what is asked at every stop
`highlight`    colours for source text
`plain_lines`  the same for simple lines, without Pygments
`harmless`     nothing that the program has put into a text can repaint the terminal
`redrawing`    takes a drawing off the screen before the next one
`tracebacks`   the same for exceptions that nobody has caught
=============  ======================================================================
"""

from __future__ import annotations
