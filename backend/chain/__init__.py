"""The chain: deployment, typed clients, sender, follower."""
