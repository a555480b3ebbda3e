"""The forms that can be given by name. They stand alone, so that settings can list them without any package.

`ft2os.stylize.form` knows their words and how they are made; a test keeps the two the same.
"""

FORMS = ("spikes", "fur", "melting", "inflated")
