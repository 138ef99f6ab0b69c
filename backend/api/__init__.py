"""What the service answers: HTTP, Blynk's HTTP API, Socket.IO, metrics, the web UI's files."""
