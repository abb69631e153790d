"""Contract suites for plugin authors, and fakes for tests."""
