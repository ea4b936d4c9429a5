"""A scratch database for a benchmark: on the server of DATABASE_URL, or on an embedded, durable one."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import environ
import psycopg

from smart.local import embedded


class Scratch:
    """Makes and migrates a database of its own and drops it afterwards; `dsn` is libpq's, DATABASE_URL Django's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.server: embedded.Postgres | None = None
        self.folder: Path | None = None

    def __enter__(self) -> "Scratch":
        url = os.environ.get("DATABASE_URL")
        if not url:
            self.folder = Path(tempfile.mkdtemp(prefix="smart-bench-"))
            self.folder.chmod(0o755)
            self.server = embedded.Postgres(self.folder, log=self.folder / "postgres.log")
            self.server.start()
            self.server.wait()
            url = self.server.url("postgres")
        config = environ.Env.db_url_config(url)
        self.host = config.get("OPTIONS", {}).get("host") or config["HOST"]
        self.parts = {"host": self.host, "port": config.get("PORT"), "user": config.get("USER") or "postgres",
                      "password": config.get("PASSWORD")}  # fmt: skip
        self.dsn = psycopg.conninfo.make_conninfo(dbname=self.name, **{k: v for k, v in self.parts.items() if v})
        self._admin(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)", f"CREATE DATABASE {self.name}")
        os.environ["DATABASE_URL"] = re.sub(rf"/{config['NAME']}(?=\?|$)", f"/{self.name}", url)
        os.environ.setdefault("SMART_LOCAL", "on")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from django.db import connections

        connections.close_all()
        self._admin(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        if self.server is not None and self.folder is not None:
            self.server.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _admin(self, *statements: str) -> None:
        dsn = psycopg.conninfo.make_conninfo(dbname="postgres", **{k: v for k, v in self.parts.items() if v})
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
