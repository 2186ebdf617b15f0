"""Stories of the whole path: kept, routed, told."""
