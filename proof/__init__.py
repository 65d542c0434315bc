"""The proof: every valid service is rendered, checked, tested and updated."""
