"""Writes to searches, what is kept of them, and the store of notices. Floor 3.

Moves are compare-and-swap; losing a race is normal and is said. Other writers: `tokens`,
`digests` and `addresses` (also a user's e-mail), each of its own table, and doors in one line, of
what is the asker's: a saved search or a token that is deleted, an account that is made.
"""
