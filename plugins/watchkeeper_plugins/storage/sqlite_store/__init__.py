"""The parts of the SQLite back end; `watchkeeper_plugins.storage.sqlite` is its face."""
