"""A whole chain of real processes to look at through Prometheus: two Redis with one Sentinel, HAProxy, webdis, the demo
service, Envoy with the filter, the bridge, redis-exporter, and Prometheus with the shipped rules."""
