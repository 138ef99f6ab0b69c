"""The service: ingest, store, oracle, chain, API."""
