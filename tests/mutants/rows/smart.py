"""Rules that stand above the rooms: who may call, how they sign, masks, roles, the care desk."""

from tests.mutants.mutant import Mutant

_AUTH = "tests/core/access/test_auth.py::"
_SIGNING = "tests/core/lib/test_signing.py::"
_LOGS = "tests/core/lib/test_logs.py::"
_MSISDN = "tests/core/lib/test_msisdn.py::"
_DESK = "tests/care/test_desk.py::"
_ROLES = "tests/backoffice/test_admin.py::"

ROWS = [
    # Signatures
    Mutant(
        "P3",
        "core/lib/signing.py",
        "timestamp, nonce, hashlib.sha256(body).hexdigest()))",
        "timestamp, nonce))",
        f"{_SIGNING}test_a_signature_covers_every_part",
    ),
    Mutant(
        "P3",
        "core/lib/signing.py",
        '"\\n".join((method.upper(), path, timestamp,',
        '"\\n".join((method.upper(), timestamp,',
        f"{_SIGNING}test_a_signature_covers_every_part",
    ),
    Mutant(
        "P3",
        "core/lib/signing.py",
        "TOLERANCE_SECONDS = 300",
        "TOLERANCE_SECONDS = 301",
        f"{_SIGNING}test_a_timestamp_is_fresh_for_300_seconds_either_way",
    ),
    Mutant(
        "P3",
        "core/lib/signing.py",
        "abs(int(timestamp) - now) <= TOLERANCE_SECONDS",
        "int(timestamp) - now <= TOLERANCE_SECONDS",
        f"{_SIGNING}test_a_timestamp_is_fresh_for_300_seconds_either_way",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "    if not is_signed or not _is_allowed(credential, request):\n",
        "    if not _is_allowed(credential, request):\n",
        f"{_AUTH}test_what_is_signed_wrongly_is_refused",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "    if not is_signed or not _is_allowed(credential, request):\n",
        "    if not is_signed:\n",
        f"{_AUTH}test_a_signed_request_from_a_listed_address_is_answered",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "credential.kind != kind or credential.proof != ApiClient.Proof.SIGNATURE:",
        "credential.proof != ApiClient.Proof.SIGNATURE:",
        f"{_AUTH}test_a_gateway_cannot_debit",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "credential.kind != kind or credential.proof != ApiClient.Proof.KEY:",
        "credential.kind != kind:",
        f"{_AUTH}test_a_key_that_signs_does_not_open_the_keyed_dialects",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "if not hmac.compare_digest(digest, credential.digest) or not _is_allowed(credential, request):",
        "if not _is_allowed(credential, request):",
        f"{_AUTH}test_a_wrong_key_is_refused",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "filter(key_id=key_id, revoked_at=None, client__is_active=True)",
        "filter(key_id=key_id, client__is_active=True)",
        f"{_AUTH}test_a_revoked_key_is_refused",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "filter(key_id=key_id, revoked_at=None, client__is_active=True)",
        "filter(key_id=key_id, revoked_at=None)",
        f"{_AUTH}test_a_client_made_inactive_is_refused",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "        if cursor.rowcount != 1:\n            raise NotAuthenticated\n",
        "",
        f"{_AUTH}test_a_replay_is_refused tests/bonuses/test_charging_api.py"
        "::test_the_same_signature_a_second_time_is_nobodys",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "return chain[-settings.TRUSTED_PROXIES] if",
        "return chain[0] if",
        f"{_AUTH}test_a_trusted_proxys_word_is_believed_and_the_callers_is_not",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "        return is_partner or not is_bare\n",
        "        return True\n",
        "tests/campaigns/test_partner_api.py::test_another_kind_of_client_still_needs_a_list_of_addresses",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "    if is_bare and is_partner and not (request.is_secure() or settings.LOCAL):\n        return False\n",
        "",
        "tests/campaigns/test_partner_api.py::test_a_bare_key_is_taken_over_https_alone",
    ),
    Mutant(
        "P3",
        "core/access/auth.py",
        "[2 * signing.TOLERANCE_SECONDS + 60],",
        "[signing.TOLERANCE_SECONDS],",
        f"{_AUTH}test_a_nonce_is_forgotten_when_no_timestamp_can_make_it_fresh",
    ),
    Mutant(
        "P3",
        "smart/ussd/views.py",
        "            return auth.by_signature(request, ApiClient.Kind.USSD, body)\n",
        "            raise auth.NotAuthenticated\n",
        "tests/ussd/test_bad_input.py::test_a_forged_signature_is_nobodys_without_detail",
    ),
    Mutant(
        "P3",
        "smart/ussd/views.py",
        "        return auth.by_key(request, ApiClient.Kind.USSD)\n",
        "        raise auth.NotAuthenticated\n",
        "tests/ussd/test_bad_input.py::test_a_bare_key_that_is_none_is_nobodys",
    ),
    # Numbers
    Mutant(
        "M6",
        "core/lib/logs.py",
        "return mask_numbers(super().format(record))",
        "return super().format(record)",
        f"{_LOGS}test_a_number_in_a_log_line_is_masked",
    ),
    Mutant(
        "M6",
        "core/lib/logs.py",
        'rf"(?<!\\d)(?:(?:\\(\\+?7\\)|\\+?7|8){_GAP})?7\\d{{2}}',
        'rf"(?<!\\d)(?:(?:\\(\\+?7\\)|\\+?7){_GAP})?7\\d{{2}}',
        f"{_LOGS}test_a_number_is_masked_whatever_stands_around_it",
    ),
    Mutant(
        "M6",
        "core/lib/logs.py",
        '_GAP = r"[\\s().\\-\\u2010-\\u2015\\u2212\\u00a0]*"',
        '_GAP = r"[\\s().\\-]*"',
        f"{_LOGS}test_an_odd_spelling_is_masked_too",
    ),
    Mutant(
        "M6",
        "core/lib/msisdn.py",
        'return f"{self.value[0]} {self.value[1:4]} *** ** {self.value[9:]}"',
        "return self.value",
        f"{_MSISDN}test_a_number_prints_masked",
    ),
    Mutant(
        "M6",
        "core/lib/msisdn.py",
        'return f"Msisdn({self.masked})"',
        'return f"Msisdn({self.value})"',
        f"{_MSISDN}test_a_number_in_a_list_or_an_error_prints_masked",
    ),
    Mutant(
        "M6",
        "core/lib/crypto.py",
        "    inner.update(value.encode())\n",
        "    inner.update(value[-4:].encode())\n",
        "tests/core/lib/test_crypto.py",
    ),
    Mutant(
        "M6",
        "core/lib/crypto.py",
        "    key = settings.MSISDN_INDEX_KEY.encode()\n",
        '    key = b""\n',
        "tests/core/lib/test_crypto.py::test_the_blind_index_cannot_be_made_without_its_key",
    ),
    # Roles
    Mutant(
        "P1",
        "smart/backoffice/roles.py",
        '*_SEEN_BY_ALL, "view_subscriber", "change_membership",',
        '*_SEEN_BY_ALL, "view_subscriber", "change_membership", "change_sendingpolicy",',
        f"{_ROLES}test_the_roles_and_their_rights_come_with_migrate"
        " tests/messaging/staff/test_sending.py::test_care_sees_and_may_not_switch",
        is_seeded=True,
    ),
    Mutant(
        "P1",
        "smart/backoffice/roles.py",
        '"view_directoryimport", "add_directoryimport", "view_grant",',
        '"view_directoryimport", "add_directoryimport", "view_grant", "view_subscriber",',
        f"{_ROLES}test_roles_see_what_is_theirs {_ROLES}test_the_roles_and_their_rights_come_with_migrate",
        is_seeded=True,
    ),
    Mutant(
        "P1",
        "smart/backoffice/roles.py",
        'for app, _dot, codename in (one.partition(".") for one in codenames if "." in one):',
        'for app, _dot, codename in (("campaigns", ".", "view_invitation") for one in codenames if "." in one):',
        "tests/surveys/staff/test_surveys.py::test_surveys_give_marketing_no_right_over_partners_invitations",
        is_seeded=True,
    ),
    # Care
    Mutant(
        "P4",
        "smart/care/views.py",
        "    if not _is_allowed(request, subscriber_id):\n        form = ReasonForm",
        "    if False:\n        form = ReasonForm",
        f"{_DESK}test_a_page_opened_directly_asks_why_first",
    ),
    Mutant(
        "P4",
        "smart/care/views.py",
        "    if not _is_allowed(request, subscriber_id):\n        raise PermissionDenied\n",
        "",
        f"{_DESK}test_nothing_is_done_without_a_look_up",
    ),
    Mutant(
        "P4",
        "smart/care/views.py",
        "LOOK_UP_SECONDS = 30 * 60",
        "LOOK_UP_SECONDS = 300 * 60",
        f"{_DESK}test_a_look_up_holds_for_half_an_hour",
    ),
    Mutant(
        "P4",
        "smart/care/views.py",
        'if found else "",\n            reason=reason,',
        'if found else "",\n            reason="",',
        f"{_DESK}test_a_look_up_is_audited_with_its_reason_and_without_the_number",
    ),
    Mutant(
        "P4",
        "core/staff/pages.py",
        "permission_required(permissions, raise_exception=True)(opened)",
        "opened",
        f"{_DESK}test_others_do_not_get_in",
    ),
]
