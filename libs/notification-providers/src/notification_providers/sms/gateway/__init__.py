"""`sms+https://`: any gateway that takes a text and a number in one HTTP call."""
