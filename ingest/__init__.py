"""From the outside world to a row in the inbox, and no further."""
