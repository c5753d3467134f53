"""Caps: how many messages may go to an address, a country, and by a channel, whoever asks."""
