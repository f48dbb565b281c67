"""Small typed clients over one shared connection pool: Prometheus, Alertmanager, Elasticsearch, Filebeat, Toxiproxy.

They never retry and never wait: one call is one HTTP exchange with a bound, or an ``HttpFault`` that says what failed.
The rest of ``harness.run`` may call them.
"""
