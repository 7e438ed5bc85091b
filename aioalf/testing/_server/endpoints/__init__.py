"""The endpoints of the test authorization server, one module for each."""
