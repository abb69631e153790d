"""Roll-ups: what each model's rows of an hour look like, counted once and added up on reading."""
