"""The built-in plugins: one file each, loaded through entry points like everybody else's."""
