"""What is publicly known of each card, one module a card.

What lives here: identifiers, files and order of commands from public sources, and our open test
application. What may not: anything that needs a secret, and guesses.
"""
