"""The doorbell: Celery wakes workers; what is to be done stands in PostgreSQL (ADR 0002)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")

app = Celery("smart")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["smart"], related_name="tasks")
