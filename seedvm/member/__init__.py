"""What a controller says and does about itself when the engine asks over SSH: `seedvm member VERB`.

A request is JSON by stdin (or a 0600 file for units), an answer is JSON by stdout. It refuses to print a secret: members compare
keyed hashes.
"""
