"""Two versions that share the requests are compared, by the rules of deploy/base/analysis.yaml."""
