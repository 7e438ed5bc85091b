"""Scenarios drawn from seeds, which check that token managers and clients keep their promises.

A seed decides who calls the client and when, what the servers answer, what goes wrong, and the
order of events. A scenario is played in virtual time and takes milliseconds. The parts:

* `tests.support.virtual_time`: the event loop without real time.
* `world`: the random choices, the events and the broken promises of a scenario.
* `oracle`: checks the promises; scenarios report events to it.
* `scenario`: the basic scenario, and `play`, which plays one seed of a kind of scenarios.
* `token_server`, `observed_manager`: the fake server and the observed client of that scenario.
* `implicit_scenario`, `login_scenario`, `client_scenario`: other kinds, listed in `kinds`.
* `faulty_cache_scenario`: logins and services with a cache that fails and loses claims.
* `closing_scenario`: logins that are closed and logged out by tasks that are cancelled.
* `session_scenario`: clients whose sessions are closed in any order.
* `login_server`: the server of the scenarios with logins.
* `memory_network`, `client_calls`: HTTP without sockets, and the calls of `client_scenario`.
* `visible_text`: errors and log records, which must not contain secrets.
* `broken_clients`: defects that are put into the client, each of which the scenarios must find.

tests/README.rst shows how to add a scenario.
"""
