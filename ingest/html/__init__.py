"""HTML of strangers: turned into text to read, or cleaned to show."""
