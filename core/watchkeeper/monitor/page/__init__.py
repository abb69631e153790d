"""The HTML page of one model in one window: charts, the sections around them, and what to do."""
