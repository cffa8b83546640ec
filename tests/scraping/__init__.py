"""Prometheus scrapes Jobhopper under load: what the tests with processes and with pods share."""
