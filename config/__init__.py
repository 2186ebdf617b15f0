"""Settings of the process and the desk file: departments, agents, channels, notifiers and rules, checked before use."""
