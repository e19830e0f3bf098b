"""Private. The memory of one stop: where the user is, and what is known of the program.

===========  ==============================================================
`session`    all of it; it is forgotten when the program goes on
`focus`      the frames of something suspended that the user has moved into
`returning`  where the user was before something was awaited, and the way back
`raised`     the exception that is looked at, with those that belong to it
`greenlets`  the frames that a greenlet returns to
`snapshots`  the tasks of the process, looked up once for each stop
`host`       what a command may ask of the debugger that it runs in
===========  ==============================================================
"""

from __future__ import annotations
