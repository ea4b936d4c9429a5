-- What must be true at all times: each query returns no row when all is well. `manage.py verify` runs them.
-- A query begins with "-- name: meaning"; %(now)s is the programme's time. The first columns are ids, never numbers.

-- units_balance: in total, issued = debited - refunded + expired + forfeited + still open (B12)
WITH moved AS (
    SELECT COALESCE(sum(units) FILTER (WHERE kind = 'issue'), 0) AS issued,
           COALESCE(sum(units) FILTER (WHERE kind IN ('debit', 'expire', 'forfeit')), 0)
           - COALESCE(sum(units) FILTER (WHERE kind = 'refund'), 0) AS gone
    FROM bonuses_ledgerentry
), held AS (SELECT COALESCE(sum(remaining), 0) AS open, COALESCE(sum(units), 0) AS given FROM bonuses_grant)
SELECT issued, gone, open, given FROM moved, held WHERE issued <> gone + open OR issued <> given;

-- remaining_equals_history: what is left of a grant is what its ledger entries leave (B12)
SELECT g.id, g.remaining, e.left_over
FROM bonuses_grant g
LEFT JOIN (
    SELECT month, grant_id,
           sum(CASE WHEN kind IN ('issue', 'refund') THEN units ELSE -units END) AS left_over,
           sum(units) FILTER (WHERE kind = 'issue') AS issued
    FROM bonuses_ledgerentry GROUP BY month, grant_id
) e ON e.month = g.month AND e.grant_id = g.id
WHERE e.left_over IS DISTINCT FROM g.remaining OR e.issued IS DISTINCT FROM g.units;

-- entries_have_their_grant: no entry without its grant, in its month, of its subscriber (no foreign key guards this)
SELECT e.id, e.grant_id FROM bonuses_ledgerentry e
LEFT JOIN bonuses_grant g ON g.month = e.month AND g.id = e.grant_id
WHERE g.id IS NULL OR g.subscriber_id <> e.subscriber_id;

-- grants_have_their_subscriber: no grant without its subscriber and terms of its kind (no foreign key guards this)
SELECT g.id, g.subscriber_id, g.terms_id FROM bonuses_grant g
LEFT JOIN enrollment_subscriber s ON s.id = g.subscriber_id
LEFT JOIN bonuses_bonusterms t ON t.id = g.terms_id
WHERE s.id IS NULL OR t.id IS NULL OR t.kind <> g.kind OR t.effective_from > g.month
   OR (g.kind = 'monthly' AND t.units <> g.units);

-- one_activation_a_month: at most one monthly bonus is activated in an Astana calendar month (B3)
SELECT subscriber_id, date_trunc('month', activated_at AT TIME ZONE 'Asia/Almaty') AS month, count(*)
FROM bonuses_grant WHERE kind = 'monthly' AND activated_at IS NOT NULL
GROUP BY 1, 2 HAVING count(*) > 1;

-- one_bonus_a_month: at most one monthly bonus is issued for a month (J6)
SELECT subscriber_id, month, count(*) FROM bonuses_grant WHERE kind = 'monthly'
GROUP BY 1, 2 HAVING count(*) > 1;

-- one_waits: at most one monthly bonus waits at any time (B6)
SELECT subscriber_id, count(*) FROM bonuses_grant WHERE kind = 'monthly' AND state = 'waiting'
GROUP BY 1 HAVING count(*) > 1;

-- debits_within_validity: no unit is debited before activation or from the instant of lapse on (B2, B5)
SELECT e.id, e.grant_id, e.at FROM bonuses_ledgerentry e
JOIN bonuses_grant g ON g.month = e.month AND g.id = e.grant_id
WHERE e.kind = 'debit' AND (g.activated_at IS NULL OR e.at < g.activated_at OR e.at >= g.expires_at);

-- nothing_open_after_lapse: a day after its lapse or deadline no grant is open (B5, B6)
SELECT id, state FROM bonuses_grant
WHERE (state = 'active' AND expires_at < %(now)s - interval '1 day')
   OR (state = 'waiting' AND activate_by < %(now)s - interval '1 day');

-- nothing_open_after_leaving: who is no member has no open grant (B7)
SELECT g.id, g.subscriber_id FROM bonuses_grant g
LEFT JOIN enrollment_membership m ON m.subscriber_id = g.subscriber_id AND m.left_at IS NULL
WHERE g.state IN ('waiting', 'active') AND m.id IS NULL;

-- debits_equal_ledger: what a debit granted is what the ledger took for it
SELECT d.id, d.units_granted, e.units
FROM bonuses_debit d
FULL JOIN (
    SELECT split_part(key, ':', 2)::bigint AS debit_id, sum(units) AS units
    FROM bonuses_ledgerentry WHERE kind = 'debit' GROUP BY 1
) e ON e.debit_id = d.id
WHERE COALESCE(d.units_granted, -1) <> COALESCE(e.units, 0);

-- requests_once: a charging request id has one answer for good, whatever month its event names
SELECT client_id, request_id, count(*) FROM bonuses_debit GROUP BY 1, 2 HAVING count(*) > 1;

-- consents_equal_history: a membership's current consents are what its consent records leave (J3)
SELECT m.id, m.consents, e.bits
FROM enrollment_membership m
LEFT JOIN (
    SELECT membership_id, sum(bit) FILTER (WHERE action = 'given') AS bits
    FROM (
        SELECT DISTINCT ON (c.membership_id, c.purpose, c.channel) c.membership_id, c.action, p.bit
        FROM enrollment_consentevent c
        JOIN (VALUES (1, 'offers', 'sms'), (2, 'offers', 'ussd'), (4, 'offers', 'ivr'),
                     (8, 'surveys', 'sms'), (16, 'surveys', 'ussd'), (32, 'surveys', 'ivr')
             ) AS p (bit, purpose, channel) USING (purpose, channel)
        ORDER BY c.membership_id, c.purpose, c.channel, c.id DESC
    ) latest GROUP BY membership_id
) e ON e.membership_id = m.id
WHERE m.consents <> COALESCE(e.bits, 0);

-- consents_show_their_text: the digest of a consent is that of the text version and language shown (J3)
SELECT c.id, c.text_id FROM enrollment_consentevent c JOIN enrollment_consenttext t ON t.id = c.text_id
WHERE c.action = 'given' AND c.digest <> encode(sha256(convert_to(
    CASE c.language WHEN 'kk' THEN t.text_kk WHEN 'ru' THEN t.text_ru ELSE t.text_en END, 'UTF8')), 'hex');

-- members_hold_their_line: a membership whose line changed hands more than a day ago has ended (J7)
SELECT m.id, m.subscriber_id FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id
WHERE m.left_at IS NULL AND s.changed_at < %(now)s - interval '1 day'
  AND (s.ended_at IS NOT NULL OR s.brand <> 'activ' OR s.line_status IN ('terminated', 'gone'));

-- attempts_have_their_message: no attempt without its message (no foreign key guards this), and none the message does not know of
SELECT a.id, a.message_id FROM messaging_attempt a
LEFT JOIN messaging_message m ON m.month = a.month AND m.id = a.message_id
WHERE m.id IS NULL OR a.fence > m.fence;

-- handed_over_after_the_gate: whatever the network has took an attempt (M9)
SELECT m.id, m.state FROM messaging_message m
WHERE m.state IN ('submitted', 'unknown', 'delivered', 'undelivered', 'unreported')
  AND NOT EXISTS (SELECT FROM messaging_attempt a WHERE a.month = m.month AND a.message_id = m.id);

-- offers_at_most_once: no offer or invitation was taken, or may have been, in two attempts (M9)
SELECT m.id, count(*) FROM messaging_message m JOIN messaging_attempt a ON a.month = m.month AND a.message_id = m.id
WHERE m.message_class <> 'service' AND a.outcome IN ('accepted', 'uncertain') GROUP BY m.month, m.id HAVING count(*) > 1;

-- service_at_most_twice: no service message was taken, or may have been, in three attempts (M9)
SELECT m.id, count(*) FROM messaging_message m JOIN messaging_attempt a ON a.month = m.month AND a.message_id = m.id
WHERE m.message_class = 'service' AND a.outcome IN ('accepted', 'uncertain') GROUP BY m.month, m.id HAVING count(*) > 2;

-- attempts_inside_the_window: nothing but an answer passed the gate outside 10:00-21:00 Astana time, or is valid beyond (M1, M8)
SELECT a.id, m.kind FROM messaging_attempt a JOIN messaging_message m ON m.month = a.month AND m.id = a.message_id
WHERE m.kind NOT IN ('welcome', 'activated', 'left', 'reward') AND (
    (a.gated_at AT TIME ZONE 'Asia/Almaty')::time NOT BETWEEN '10:00' AND '20:59:30'
    OR a.valid_until > ((a.gated_at AT TIME ZONE 'Asia/Almaty')::date + time '21:00') AT TIME ZONE 'Asia/Almaty');

-- attempts_under_consent: who was sent an offer or an invitation was a member at that instant (M2, M3)
SELECT a.id, m.subscriber_id FROM messaging_attempt a JOIN messaging_message m ON m.month = a.month AND m.id = a.message_id
WHERE m.message_class <> 'service' AND NOT EXISTS (
    SELECT FROM enrollment_membership s WHERE s.subscriber_id = m.subscriber_id AND s.joined_at <= a.gated_at
      AND (s.left_at IS NULL OR s.left_at >= a.gated_at));

-- ten_offers_a_month: nobody was sent more offers in a month, or invitations, than the rules allow (M4, M5)
SELECT m.subscriber_id, m.message_class, count(*) FROM messaging_attempt a
JOIN messaging_message m ON m.month = a.month AND m.id = a.message_id
WHERE m.message_class <> 'service' AND a.outcome IN ('', 'accepted', 'uncertain')
GROUP BY m.subscriber_id, m.message_class, date_trunc('month', a.gated_at AT TIME ZONE 'Asia/Almaty')
HAVING count(*) > CASE m.message_class WHEN 'offer' THEN 10 ELSE 2 END;

-- nothing_waits_for_who_left: no offer or invitation waits for somebody who left over a day ago (J5)
SELECT m.id, m.subscriber_id FROM messaging_message m
WHERE m.state = 'waiting' AND m.kind <> 'left' AND m.created_at < %(now)s - interval '1 day' AND NOT EXISTS (
    SELECT FROM enrollment_membership s WHERE s.subscriber_id = m.subscriber_id
      AND (s.left_at IS NULL OR s.left_at > %(now)s - interval '1 day'));

-- nothing_is_claimed_for_long: no message has been claimed beyond its lease for an hour
SELECT m.id, m.transport FROM messaging_message m WHERE m.state = 'claimed' AND m.lease_until < %(now)s - interval '1 hour';

-- codes_equal_redemptions: a code was redeemed as often as it says, and by redemptions of its own offer
SELECT c.id, c.used FROM campaigns_promocode c LEFT JOIN campaigns_redemption r ON r.code_id = c.id
WHERE c.used > 0 OR r.id IS NOT NULL
GROUP BY c.id HAVING c.used <> count(r.id) OR bool_or(r.offer_id <> c.offer_id);

-- answers_follow_the_path: each response has exactly the answers its path names, each of its own version (S2)
SELECT r.id, r.state FROM surveys_response r
LEFT JOIN LATERAL (
    SELECT count(*) AS all_of_them, count(*) FILTER (WHERE q.version_id = r.version_id AND q.code = ANY(r.path)) AS ours
    FROM surveys_answer a JOIN surveys_question q ON q.id = a.question_id WHERE a.response_id = r.id) a ON true
WHERE a.all_of_them <> cardinality(r.path) OR a.ours <> cardinality(r.path);

-- rewards_once: a survey's grant belongs to one ended response, and a response's reward is the grant it names (B11, S2)
SELECT g.id, g.subscriber_id FROM bonuses_grant g
LEFT JOIN surveys_response r ON r."grant" = g.id AND r.subscriber_id = g.subscriber_id AND g.source = 'survey:' || r.survey_id
WHERE g.kind = 'survey' AND starts_with(g.source, 'survey:') AND (r.id IS NULL OR r.units <> g.units OR r.state NOT IN ('completed', 'full'))
UNION ALL
SELECT r.id, r.subscriber_id FROM surveys_response r
WHERE (r.state = 'completed' AND r."grant" IS NULL)
   OR (r."grant" IS NOT NULL AND NOT EXISTS (SELECT FROM bonuses_grant g WHERE g.id = r."grant" AND g.subscriber_id = r.subscriber_id));

-- quotas_equal_responses: a group's count is that of its completed responses
SELECT q.id, q.taken FROM surveys_quota q
WHERE q.taken <> (SELECT count(*) FROM surveys_response r WHERE r.quota_id = q.id AND r.state = 'completed');
