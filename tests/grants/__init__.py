"""The grants, one file each, and the server that stands for all of them."""
