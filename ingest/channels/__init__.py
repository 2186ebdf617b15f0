"""One module per way in; everything about a channel stands in its one file."""
