"""Who is let in, how keys come and go, and what is written down of it."""
