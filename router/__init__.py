"""From a row in the inbox to a ticket in a department, and a list of who to tell."""
