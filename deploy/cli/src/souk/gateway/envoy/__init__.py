"""Envoy's configuration, made from the route table for the place where it runs."""

from souk.gateway.envoy.bootstrap import bootstrap, render
from souk.gateway.envoy.site import Site, Upstream, compose

__all__ = ["Site", "Upstream", "bootstrap", "compose", "render"]
