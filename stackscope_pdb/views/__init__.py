"""What the commands show, as lines of spans. Nothing here prints, and nothing here knows a debugger."""
