"""The controller: one pure core (model to pipeline) and the adapters around it."""

__version__ = "0.1.0"
