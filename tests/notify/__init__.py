"""Stories about telling agents: the outbox, mail and Slack."""
