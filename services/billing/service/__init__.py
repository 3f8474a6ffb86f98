"""Use cases of billing, in the order a person would tell them: contracts, usage, invoices, books."""
