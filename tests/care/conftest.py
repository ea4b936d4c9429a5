from tests.ussd.conftest import gateway

__all__ = ["gateway"]
