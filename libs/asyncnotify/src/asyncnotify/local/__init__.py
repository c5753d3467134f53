"""The whole system on this machine: `asyncnotify up`, and what it starts."""
