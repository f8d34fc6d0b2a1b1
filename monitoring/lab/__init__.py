"""A whole chain of real processes to look at through Prometheus: three Redis with three Sentinels, HAProxy, webdis, the
demo service, Envoy with the filter, the bridge, redis-exporter, and Prometheus with the shipped rules."""
