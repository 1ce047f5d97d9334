"""seedvm: from a rack of dark machines to an OpenStack that stands alone. Imports no screen."""

__version__ = "0.1.0"
