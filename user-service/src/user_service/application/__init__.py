"""What can be done with users, and the ports that it takes."""
