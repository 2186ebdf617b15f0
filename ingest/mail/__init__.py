"""A mail, as bytes, to what it says: everything readable is read, everything else is kept, nothing raises."""
