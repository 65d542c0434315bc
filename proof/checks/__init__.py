"""What is checked in every service: file by file, as a whole, and by linters and type checkers."""
