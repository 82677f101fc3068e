"""What analytics costs, measured against doing without and against the SDK: `make bench`.

Every figure is a ratio of two things that were measured in turns, within one run.
"""
