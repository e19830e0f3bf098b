"""Private. What the commands show, as lines of spans.

Nothing here prints, and nothing here knows a debugger.

============  ===============================================================
`frames`      the stack as `where` shows it
`folding`     which frames are folded
`contexts`    the context managers of one frame as a tree with numbers
`naming`      what tasks are called where they are not the main thing
`exceptions`  the exceptions that belong to one
`referrers`   what refers to an object, in words
`code`        source code as listings show it
`values`      what is shown of a value, as a tree of short texts
`pretty`      values as lines, no more than there are rows for
============  ===============================================================
"""
