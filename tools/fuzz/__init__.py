"""Fuzzing: inputs that mean harm, and what must hold whatever they are. README.rst tells how."""
