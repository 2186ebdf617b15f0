"""Stories about the desk, told with real parts."""
