/** Stands for the key of a request of which only the end has come. */
export const unknownKey = '00000000-0000-0000-0000-000000000000';

const hourMs = 3_600_000;

/**
 * SQL that adds charges to the hours they belong to. `records`: SQL of rows (record, learnt); `learnt` = it was counted before its
 * admission was heard of, and moves from the unknown key and model to its own.
 */
export const countUsage = (records: string): string => `
  INSERT INTO billing.usage_hours AS u (tenant, hour_ms, project, key_id, model, endpoint, tags, requests, input_tokens, output_tokens, amount_nanos)
  SELECT * FROM (
    SELECT c.tenant, c.charged_at_ms / ${hourMs} * ${hourMs} AS hour_ms, c.project,
      CASE WHEN s.known THEN COALESCE(a.key_id, '${unknownKey}') ELSE '${unknownKey}' END AS key_id, CASE WHEN s.known THEN COALESCE(a.model, '') ELSE '' END AS model,
      CASE WHEN s.known THEN COALESCE(a.endpoint, '') ELSE '' END AS endpoint, CASE WHEN s.known THEN a.cost_tags ELSE '{}' END AS tags,
      sum(s.sign) AS requests, sum(s.sign * c.input_tokens) AS input_tokens, sum(s.sign * c.output_tokens) AS output_tokens, sum(s.sign * c.amount_nanos) AS amount_nanos
    FROM (${records}) AS r
      JOIN billing.charges c ON c.record = r.record
      JOIN billing.admissions a ON a.record = r.record
      JOIN (VALUES (1, true, false), (1, true, true), (-1, false, true)) AS s(sign, known, learnt) ON s.learnt = r.learnt
    GROUP BY 1, 2, 3, 4, 5, 6, 7
  ) AS sums
  ORDER BY tenant, hour_ms, project, key_id, model, endpoint, tags
  ON CONFLICT (tenant, hour_ms, project, key_id, model, endpoint, tags) DO UPDATE SET requests = u.requests + EXCLUDED.requests,
    input_tokens = u.input_tokens + EXCLUDED.input_tokens, output_tokens = u.output_tokens + EXCLUDED.output_tokens, amount_nanos = u.amount_nanos + EXCLUDED.amount_nanos`;
