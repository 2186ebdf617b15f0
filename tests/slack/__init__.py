"""Stories about Slack for agents, told against a fake of it."""
