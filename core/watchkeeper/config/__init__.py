"""watchkeeper.toml as checked values."""
