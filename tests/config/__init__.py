"""The desk file: loading it, what is said about a broken one, and keeping it up to date."""
