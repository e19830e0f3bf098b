"""Private, but for what docs/public.rst lists. Drawing.

==================  ========================================================================
`nodes`             from a `Stack` to a tree of nodes: what is to be shown, but not how
`drawing`           from nodes to lines: the tree with its guide lines
`stack`             stacks, frames and contexts as lines of text
`snapshot`          a `Snapshot`: the overview, then all stacks as one tree
`snapshot_frames`   the frames and contexts in that
`fitting`           lines that are made to fit the width: what gives way
`diagnosis`         what can't go on, and what to look at
`locks`             what is waited for, with who has it and who waits
`graphs`            who waits for whom, in the languages of Graphviz and Mermaid
`overview`          what everything does, without the stacks
`tasks`             all tasks of a loop as a table
`threads`           all threads as a table
`items`             greenlets and the like as a table
`matching`          which tasks, threads and the like a filter finds
`columns`           the columns of these, and what gives way where they don't fit
`comparing`         two snapshots of one process: what was there, and stood at the same lines
`difference`        what is different between two snapshots
`paths`             short paths of source files
`words`             what tasks, threads and loops are called, and numbers and times, everywhere
`waits`             what tasks and threads do and wait for, in words, everywhere
`alike`             which tasks, greenlets and the like are alike, and so are drawn as one
`stuck`             who is marked as stuck
`style`             the kinds of spans that a line is made of, and their colours: one table
`stream`            what a terminal or file takes: colours, characters, lines
`cells`             how many columns of a terminal a text takes
`errors`            the errors of extractions
`front_ends`        what front ends tell: names of files, and whether they show HTML
`source`            source lines, and the parts of a ``with`` statement on several of them
`html`              stacks and snapshots as HTML
`html_drawing`      what is drawn there, and not in a terminal
`html_writing`      how it is written
`wanted`            who waits for what something holds
`page`              what stands around that: the style sheet, and the page with its script
`json_writing`      stacks, snapshots and diagnoses as JSON
`json_reading`      what was written so, read back
`schema`            the JSON Schema of these, and a check of documents by it
`stdlib`            nodes as the standard library's `traceback.StackSummary`
==================  ========================================================================
"""
