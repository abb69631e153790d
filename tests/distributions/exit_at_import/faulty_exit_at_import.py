"""A faulty plugin: it ends the process when it is imported, and writes into the results before that."""

import sys

print("this must not end up in the JSON")
sys.exit(3)
