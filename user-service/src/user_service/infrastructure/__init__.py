"""Where users are kept, and the libraries that know addresses."""
