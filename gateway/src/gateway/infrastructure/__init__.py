"""Where keys and what was done with them are kept."""
