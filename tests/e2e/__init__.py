"""Jobhopper on a real cluster: installed, used, upgraded, broken, and brought back."""
