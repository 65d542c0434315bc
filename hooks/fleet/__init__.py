"""What a fleet of services is made of, and how far each is behind this catalogue: `python -m hooks.fleet`.

Services belong to others. Their files are read within bounds and never run, links that they hold are
not followed, and what they say is shown as plain text.
"""
