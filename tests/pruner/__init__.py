"""Tests of the pruner."""
