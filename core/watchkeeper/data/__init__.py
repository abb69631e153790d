"""The border where users' frames and files become tables."""
