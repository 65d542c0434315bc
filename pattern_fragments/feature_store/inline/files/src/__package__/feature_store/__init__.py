"""The feature store: what is known of an entity, as it was (offline) and as it is (online)."""
