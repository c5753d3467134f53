"""`apprise+…://`: chat services, and whatever else Apprise can reach."""
