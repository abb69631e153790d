"""The parts of the PostgreSQL back end; `watchkeeper_plugins.storage.postgres` is its face."""
