"""What programs beside this one may ask and tell over HTTP: off by default, bounded in everything."""
