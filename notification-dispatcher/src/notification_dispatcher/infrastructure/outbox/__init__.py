"""Where what was sent to nobody is kept."""
