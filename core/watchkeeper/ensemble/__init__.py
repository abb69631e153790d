"""The ensemble optimizer: how much each member counts."""
