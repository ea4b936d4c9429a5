"""Admin pages that only show, and lists of tables with millions of rows."""

from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin


class EstimatedPaginator(Paginator):
    """Counts an unfiltered list by the catalogue's estimate: exact counts of millions of rows take seconds."""

    @cached_property
    def count(self) -> int:
        """The number of rows, estimated when nothing is filtered and there are many."""
        query = getattr(self.object_list, "query", None)
        if query is None or query.where:
            return super().count
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COALESCE(sum(c.reltuples), 0)::bigint FROM pg_class c WHERE c.oid IN"
                " (SELECT relid FROM pg_partition_tree(%s::regclass) WHERE isleaf UNION SELECT %s::regclass)"
                " AND c.reltuples > 0",
                [query.model._meta.db_table] * 2,
            )
            estimate = int(cursor.fetchone()[0])
        return estimate if estimate > 10_000 else super().count


class LargeTableAdmin(ModelAdmin):
    """A list that neither counts nor sorts what it does not show."""

    paginator = EstimatedPaginator
    show_full_result_count = False
    list_per_page = 50


class ReadOnlyAdmin(LargeTableAdmin):
    """Looked at, never changed by hand: what happened stays as it happened."""

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are made by operations alone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History is not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History is not deleted."""
        return False
