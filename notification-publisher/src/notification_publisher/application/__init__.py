"""What the publisher does, as use cases over ports."""
