"""Instances, outlines and curves as pictures."""
