"""The calls of the API, by subject; `AsyncNotify` has them all."""
