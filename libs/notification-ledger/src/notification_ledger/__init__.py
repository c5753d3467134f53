"""The record of every notification. Import the module that you need; this one imports nothing."""
