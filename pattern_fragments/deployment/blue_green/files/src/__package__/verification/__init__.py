"""Whether a new version may take over: both versions are asked about the same rows."""
