"""A subject for messages that come without one."""


def first_line(text: str, limit: int = 80) -> str:
    """Return the first line with anything in it, at most `limit` characters, an ellipsis for what was cut."""
    line = next((found for row in text[:10_000].splitlines() if (found := " ".join(row.split()))), "")
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
