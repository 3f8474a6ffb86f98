"""The HTTP door: parse, call, answer."""

from services.lifecycle.api import products, records, work

ROUTERS = (products.router, work.router, records.router)
