"""What is written, once it is known what to say.

=============== =============================================================================
`console`       the width and the characters of the terminal; spans become text for it
`highlight`     colours for source text
`harmless`      nothing that the program has put into a text can repaint the terminal
=============== =============================================================================

What to say is made by the package `stackscope_pdb.views`.
"""

from __future__ import annotations
