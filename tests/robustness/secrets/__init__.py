"""Canaries: a distinct secret in each place where one can enter, searched in each place where one
could come out: logs, warnings, reprs, errors and their reports, pickles, other processes.

`canaries` finds a canary in text, however it is encoded. `exposure` collects what a program shows.
`flows` has one client for each grant and client authentication method. `echo_server` answers with
all that it was sent.
"""
