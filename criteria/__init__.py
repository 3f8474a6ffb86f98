"""What both criteria documents ask, as data: clauses, where they come from, and how each is shown."""
