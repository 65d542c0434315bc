"""Who may call, how they prove it, how often, and what becomes of everybody else."""
