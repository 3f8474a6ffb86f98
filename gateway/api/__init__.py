"""HTTP doors of the gateway: parse, call, answer."""

from gateway.api.administration import administration_router
from gateway.api.platform import platform_router
from gateway.api.sign_in import sign_in_router

__all__ = ["administration_router", "platform_router", "sign_in_router"]
