"""One module per command; each turns its options into one call of a pipeline and prints what came of it."""
