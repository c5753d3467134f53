"""What crosses the wire between services. Import the module that you need; this one imports nothing."""
