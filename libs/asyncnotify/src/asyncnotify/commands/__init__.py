"""The subcommands of `asyncnotify`, by subject."""
