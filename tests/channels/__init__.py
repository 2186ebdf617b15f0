"""What every channel promises, and the payloads that prove it: one folder of fixtures for each."""
