"""The words of watchkeeper as values: no input or output, no clock, no plugin."""
