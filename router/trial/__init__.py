"""Trying rules before they hurt: what would become of a message, by the code of the real path, with nothing written."""
