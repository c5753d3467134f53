"""SMS: Twilio's API, and any gateway that takes a text by HTTP."""
