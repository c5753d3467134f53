"""What crosses the wire between services. Import what you need; this module imports nothing."""
