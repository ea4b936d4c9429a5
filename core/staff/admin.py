"""Admin pages that only show, and lists of tables with millions of rows."""

from functools import reduce
from operator import or_
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find "=" fields by their index: Django compares ids as text, row by row, and a foreign key not at all."""
        names = self.get_search_fields(request)
        if not search_term or not all(name.startswith("=") for name in names):
            return super().get_search_results(request, queryset, search_term)
        asked = [{name.removeprefix("="): search_term.strip()} for name in names]
        fitting = [Q(**one) for one in asked if _can_be(queryset, one)]
        return (queryset.filter(reduce(or_, fitting)) if fitting else queryset.none()), False


def _can_be(queryset: QuerySet[Any], asked: dict[str, str]) -> bool:
    """False when the value is none the field can have: a word for an id."""
    try:
        queryset.filter(**asked)
    except ValueError:
        return False
    return True


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
