"""Acting by mail: what an agent's reply to a notice does, and why it is refused."""
