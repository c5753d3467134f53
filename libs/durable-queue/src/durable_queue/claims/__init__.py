"""Who holds which message, and which of its copies counts, for brokers that do not know it."""
