"""Stories about who is responsible for a ticket."""
