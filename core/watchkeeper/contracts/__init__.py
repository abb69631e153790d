"""What each kind of plugin promises: one Protocol a kind, and the record by which plugins announce themselves."""
