"""Tests of the core library that need no database."""
