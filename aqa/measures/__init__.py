"""Measures: samples or packets in, numbers out; pure, and ignorant of thresholds."""
