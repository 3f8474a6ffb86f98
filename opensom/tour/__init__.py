"""The storyline without a browser: acts through the gateway as people do, and asks every service for its evidence."""
