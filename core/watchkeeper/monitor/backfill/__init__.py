"""History measured window after window: which windows there are, their rows, and what is known of them already."""
