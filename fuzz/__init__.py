"""Captioning under a fuzzer."""
