"""A queue on a Redis list that is consumed with BLPOP, and yet loses nothing.

What is popped from the list is only a ticket; the message itself stays in the ledger of hashes and
sorted sets that `keys` describes, and every move between its states is one Lua script (`lua/`).
"""
