"""From a row in the outbox to somebody's attention; one module per way out."""
