"""Use cases of the gateway: who comes in, who may see what, and what time it is."""
