"""The prediction log: what was asked, what was answered, and when, as parquet files."""
