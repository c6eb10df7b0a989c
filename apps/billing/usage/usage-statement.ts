/** Stands for the key of a request of which only the end has come. */
export const unknownKey = '00000000-0000-0000-0000-000000000000';

const hourMs = 3_600_000;

/** What there is one row of sums for. Of the tags the hash: all that a request may have are longer than an index can hold. */
export const usageKey = 'tenant, hour_ms, project, key_id, model, endpoint, billing.tags_key(tags)';

/** To whom a charge counts: its own key, model and tags where they are known, or nobody's yet. */
const countedFor = `c.charged_at_ms / ${hourMs} * ${hourMs} AS hour_ms, c.project,
      CASE WHEN s.known THEN COALESCE(a.key_id, '${unknownKey}') ELSE '${unknownKey}' END AS key_id, CASE WHEN s.known THEN COALESCE(a.model, '') ELSE '' END AS model,
      CASE WHEN s.known THEN COALESCE(a.endpoint, '') ELSE '' END AS endpoint, CASE WHEN s.known THEN a.cost_tags ELSE '{}' END AS tags`;

/** `records`, each with what is added and, where it was counted before its admission was heard of, with what is taken away. */
const signed = (records: string): string => `(${records}) AS r
      JOIN billing.charges c ON c.record = r.record
      JOIN billing.admissions a ON a.record = r.record
      JOIN (VALUES (1, true, false), (1, true, true), (-1, false, true)) AS s(sign, known, learnt) ON s.learnt = r.learnt`;

/**
 * SQL that adds charges to the hours they belong to. `records`: SQL of rows (record, learnt); `learnt` = it was counted before its
 * admission was heard of, and moves from the unknown key and model to its own. `key`: that of the table.
 */
export const countUsage = (records: string, key = usageKey): string => `
  INSERT INTO billing.usage_hours AS u (tenant, hour_ms, project, key_id, model, endpoint, tags, requests, input_tokens, output_tokens, amount_nanos)
  SELECT * FROM (
    SELECT c.tenant, ${countedFor},
      sum(s.sign) AS requests, sum(s.sign * c.input_tokens) AS input_tokens, sum(s.sign * c.output_tokens) AS output_tokens, sum(s.sign * c.amount_nanos) AS amount_nanos
    FROM ${signed(records)}
    GROUP BY 1, 2, 3, 4, 5, 6, 7
  ) AS sums
  ORDER BY tenant, hour_ms, project, key_id, model, endpoint, tags
  ON CONFLICT (${key}) DO UPDATE SET requests = u.requests + EXCLUDED.requests,
    input_tokens = u.input_tokens + EXCLUDED.input_tokens, output_tokens = u.output_tokens + EXCLUDED.output_tokens, amount_nanos = u.amount_nanos + EXCLUDED.amount_nanos`;

/** The same of what was measured beside tokens, a row for each meter. */
export const countMeters = (records: string): string => `
  INSERT INTO billing.usage_meters AS u (tenant, hour_ms, project, key_id, model, endpoint, tags, meter, quantity)
  SELECT * FROM (
    SELECT c.tenant, ${countedFor}, m.key AS meter, sum(s.sign * m.value::numeric) AS quantity
    FROM ${signed(records)}
      CROSS JOIN LATERAL jsonb_each_text(c.meters) AS m(key, value)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  ) AS sums
  ORDER BY tenant, hour_ms, project, key_id, model, endpoint, tags, meter
  ON CONFLICT (${usageKey}, meter) DO UPDATE SET quantity = u.quantity + EXCLUDED.quantity`;
