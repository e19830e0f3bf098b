"""Private. What the commands show, as lines of spans.

Nothing here prints, and nothing here knows a debugger.

============  ===============================================================
`frames`      the stack as `where` shows it
`folding`     which frames are folded
`contexts`    the context managers of one frame as a tree with numbers
`tasks`       all tasks as one tree
`threads`     all threads as a table
`items`       greenlets and the like as a table
`columns`     the columns of these, and what gives way where they don't fit
`exceptions`  the exceptions that belong to one
`code`        source code as listings show it
============  ===============================================================
"""
