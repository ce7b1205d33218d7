"""Every write. Floor 3. Moves are compare-and-swap; losing a race is normal and is said."""
