"""Alarms that keep a stated rate: evidence of change is gathered block by block, against a budget and a tolerance."""
