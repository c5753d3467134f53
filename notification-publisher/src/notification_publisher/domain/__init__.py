"""What a notification is when it is asked for, and which times can be granted."""
