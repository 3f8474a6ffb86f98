"""The lifecycle service's use cases, one function a story, in the order a person would tell it."""
