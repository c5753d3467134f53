"""Users and their addresses, and when an address is not sent to any more."""
