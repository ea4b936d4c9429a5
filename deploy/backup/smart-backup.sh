#!/usr/bin/env bash
# Dumps the database, proves that the dump can be read to its end, encrypts it, keeps the newest few.
#
#   PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE   as libpq knows them; PGDATABASE defaults to smart
#   BACKUP_DIR      where dumps go; must exist and be ours alone
#   BACKUP_KEEP     how many are kept, 14 by default
#   AGE_RECIPIENT   a public key of age ("age1…"): the dump is then encrypted to it, and cannot be read here any more
#
# The keys of phone numbers (MSISDN_KEYS, MSISDN_INDEX_KEY) and API_MASTER_KEY are not in the database, hence not in
# the dump: keep them elsewhere. Left out besides: sessions of the back office, nonces, staged lines of imports.
# The version of pg_dump must not be older than the server's. Exit code 0: a new dump stands in BACKUP_DIR.
set -euo pipefail
umask 077

: "${BACKUP_DIR:?names no folder}"
export PGDATABASE="${PGDATABASE:-smart}" PGAPPNAME=smart-backup
keep="${BACKUP_KEEP:-14}"
recipient="${AGE_RECIPIENT:-}"
needed=(bonuses_grant bonuses_ledgerentry bonuses_debit enrollment_subscriber enrollment_membership
    enrollment_consentevent enrollment_consenttext access_auditevent access_apiclient django_migrations)

fail() {
    echo "smart-backup: $*" >&2
    exit 1
}

[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_KEEP=$keep is not a number from 1 on"
[[ -d $BACKUP_DIR && -w $BACKUP_DIR ]] || fail "$BACKUP_DIR is no folder we can write to"
[[ -z $recipient ]] || command -v age >/dev/null || fail "AGE_RECIPIENT is set, but age is not installed"
cd "$BACKUP_DIR"
exec 9>.lock
flock --nonblock 9 || fail "another backup is running"

name="smart-$(date -u +%Y%m%dT%H%M%SZ).dump"
trap 'rm -f -- "$name.part" "$name.list" "$name.age.part"' EXIT

pg_dump --format=custom --compress=6 --no-password --lock-wait-timeout=60000 \
    --exclude-table-data=access_nonce --exclude-table-data=django_session \
    --exclude-table='enrollment_staged_*' --file="$name.part"

# The list is at the file's head; turning all of it into SQL reads every byte, so a cut file fails here.
pg_restore --list "$name.part" >"$name.list"
for table in "${needed[@]}"; do
    grep -q " TABLE public $table " "$name.list" || fail "the dump lacks $table"
done
pg_restore --file=/dev/null "$name.part"

if [[ -n $recipient ]]; then
    age --recipient "$recipient" --output "$name.age.part" "$name.part"
    [[ $(head -c 21 "$name.age.part") == age-encryption.org/v1 ]] || fail "age did not encrypt"
    rm -f -- "$name.part"
    made="$name.age"
    sync "$name.age.part"
    mv -- "$name.age.part" "$made"
else
    made="$name"
    sync "$name.part"
    mv -- "$name.part" "$made"
fi
sha256sum -- "$made" >"$made.sha256"

# Names sort by time. Only now, with a new one in place, may an old one go.
mapfile -t dumps < <(find . -maxdepth 1 -type f \( -name 'smart-*Z.dump' -o -name 'smart-*Z.dump.age' \) -printf '%f\n' | sort -r)
for old in "${dumps[@]:keep}"; do
    rm -f -- "$old" "$old.sha256"
done
echo "smart-backup: $BACKUP_DIR/$made, $(stat -c %s -- "$made") bytes; ${#dumps[@]} were there, at most $keep are kept"
