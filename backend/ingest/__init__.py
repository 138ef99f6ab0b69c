"""What arrives from nodes: decoding, verification, transports."""
