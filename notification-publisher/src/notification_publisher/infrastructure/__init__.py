"""The ports over the queue, the ledger and the broker; and their twins in memory."""
