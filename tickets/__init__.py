"""The nouns every stage shares, and the tables that keep them."""
