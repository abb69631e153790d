"""Performance before its outcomes are known: estimates, how far they may be off, and what replaces them later."""
