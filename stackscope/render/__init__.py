"""Drawing: from a `Stack` to a tree of nodes, and from there to text, colours and other forms."""
