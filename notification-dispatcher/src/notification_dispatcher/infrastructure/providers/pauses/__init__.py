"""A provider that asked for no further call gets none, from any dispatcher, until then."""
