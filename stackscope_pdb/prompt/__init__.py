"""Private. The prompt: all that happens before a line is run.

===================  ======================================================
`loop`               asks for lines until the program goes on
`label`              what the prompt says
`rprompt`            what stands at the right of it
`first`              shows the first prompt before `toolkit` is there
`toolkit`            reads a line by prompt_toolkit
`by_readline`        keys and history where readline reads it
`printing`           shows what other threads print above the line
`completion`         what Tab offers
`history`            the lines that were typed before
`pasting`            pasted text is run line by line
`interactive`        the prompt that the command ``interact`` opens
`ending`             puts the terminal back if a signal ends the program
`command_or_python`  tells whether a line is a command, or Python
===================  ======================================================
"""

from __future__ import annotations
