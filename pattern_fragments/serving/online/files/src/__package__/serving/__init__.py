"""The HTTP interface: what callers send, what they get back, and how the process stays up."""
