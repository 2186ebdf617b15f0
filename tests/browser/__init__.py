"""The chat widget in a real browser, on a page of another origin, with a real desk behind it."""
