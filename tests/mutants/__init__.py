"""Deliberate mistakes: do the tests notice them?

``make mutants`` makes one small mistake after another in a copy of the tree and runs the tests that must
notice it. ``listed/`` holds the mistakes written by hand, one module a room; ``operators`` draws more of them
from a seed. A mistake that no test notices is a survivor, and is printed with its diff.
"""
