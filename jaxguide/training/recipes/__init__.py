"""The kinds of training, one per file."""
