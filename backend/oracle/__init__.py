"""Slots, their sum tree and signatures, battery reports, relay dispatch, settlement."""
