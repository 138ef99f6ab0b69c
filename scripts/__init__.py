"""Commands around the microgrid: deploy, provision, serve, and the demo that runs it all."""
