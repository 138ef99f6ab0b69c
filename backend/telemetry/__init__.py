"""What the meters said and what became of it: the embedded store."""
