"""From a request's body to stored films and a committed job."""
