"""Devices and back ends: where the network is computed, by what, and with how many threads."""
