"""One file for each grant that the token endpoint knows: what makes it good, and what it is for."""
