"""Admin pages that only show, and lists of tables with millions of rows."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise, cached_property
from unfold.admin import ModelAdmin, TabularInline


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


class WordsFilter(admin.SimpleListFilter):
    """Filters a column of codes (`parameter_name`), which people read in words."""

    words: Mapping[str, str | Promise]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """All codes there are, with their words."""
        return list(self.words.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows of the chosen code."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class Undeletable:
    """Rows that others refer to: they stay."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody's."""
        return False


class Fixed(Undeletable):
    """Rows that are there from the beginning or made by operations alone; each can be changed."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody's."""
        return False


class ReadOnly(Fixed):
    """Looked at, never changed by hand: what happened stays as it happened."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody's."""
        return False


class ReadOnlyAdmin(ReadOnly, LargeTableAdmin):
    """A list that only shows."""

    actions = None


class ReadOnlyInline(ReadOnly, TabularInline):
    """Rows that belong to a page's object, only shown."""

    extra = 0


class WithPage(ModelAdmin):
    """A form for drafts; whatever cannot be changed is shown on a page of its own (`page_of`)."""

    actions = None  # what is launched is never deleted, in bulk neither

    @staticmethod
    @abstractmethod
    def page_of(obj: Any) -> str:
        """The address of the object's own page."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Change it locked: else it could be launched between the check and the save."""
        with transaction.atomic():
            if object_id and object_id.isdecimal() and self.has_view_permission(request):
                rows = self.model._default_manager.filter(pk=int(object_id))
                obj = (rows.select_for_update(of=["self"]) if request.method == "POST" else rows).first()
                if obj is not None and not self.has_change_permission(request, obj):
                    return redirect(self.page_of(obj))
            answer: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
            return answer

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Go on to its page, where it is looked at and launched."""
        return redirect(self.page_of(obj))

    response_post_save_change = response_post_save_add
