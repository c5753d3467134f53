"""A public proof that nothing is lost: a chaos run that compares promises with what came.

It starts a system of its own, sends traced notifications while it kills, restarts, cuts and stalls
whatever it can, waits until all has settled, and compares three accounts: what clients were
promised (202), what the ledger says, and what the provider really received.
"""
