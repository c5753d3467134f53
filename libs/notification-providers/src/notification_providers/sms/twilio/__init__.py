"""`twilio://`: Twilio's REST API for messages, and what it calls back with."""
