"""Real processes, killed, starved, cut off and lied to: what was acknowledged stands, once, where it belongs."""
