"""watchkeeper keeps watch over machine-learning models in production."""
