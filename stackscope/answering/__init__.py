"""Private. A program that has called `stackscope.register` answers the command ``stackscope``.

=========  ==================================================================================
`mailbox`  where it is asked: a folder in the user's, which tells that it may be asked
`serving`  how it answers: takes snapshots, and sends them
=========  ==================================================================================
"""

from __future__ import annotations
