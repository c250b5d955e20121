"""Recordings of the Lab Streaming Layer (XDF)."""
