"""Every query of the lifecycle service."""
