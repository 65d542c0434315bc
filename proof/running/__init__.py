"""How the tests of generated services are run: one environment, forking workers, and results kept by what was read."""
