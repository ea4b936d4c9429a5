"""SMART: the bonus programme of the mobile brand activ."""

from smart.celery import app as celery_app

__all__ = ["celery_app"]
