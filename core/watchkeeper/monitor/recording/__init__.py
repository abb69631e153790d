"""The recorder's parts: what is taken in, kept, journaled and flushed."""
