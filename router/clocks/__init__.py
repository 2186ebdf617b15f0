"""What runs in a ticket: promises, time events, postponements, and what must happen when an agent does not react."""
