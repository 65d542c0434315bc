"""An experiment: two models answer, each unit gets one of them, and the difference is judged."""
