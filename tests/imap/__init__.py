"""The IMAP channel against real servers, and against one that misbehaves as told."""
