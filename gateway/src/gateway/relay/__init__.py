"""A call on its way to the service that answers it: `routes` makes the calls' routes."""
