"""How rows become bytes: the same in every back end, so that chunks move between them unchanged."""
