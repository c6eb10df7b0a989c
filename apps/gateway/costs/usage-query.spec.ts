import { describe, expect, it } from '@jest/globals';
import { costPage, toCostPage, toUsagePage, usagePage } from './organisation-pages.js';
import { askedUsage, usageQuery } from './usage-query.js';

const [tenant, project] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const asked = (query: object, nowMs = 5_000_000) => askedUsage(tenant, usageQuery.parse({ start_time: '1', ...query }), nowMs);
const sum = { project, keyId: null, model: 'm', tag: null, requests: 2, inputTokens: 30, outputTokens: 4, amountNanos: 9_007_199_254_740_993n };
const usage = { buckets: [{ fromMs: 0, toMs: 86_400_000, sums: [sum] }, { fromMs: 86_400_000, toMs: 172_800_000, sums: [] }], nextMs: 172_800_000 };

describe('asking for usage and costs', () => {
  it("takes lists with commas, said several times, and as OpenAI's clients write them", () => {
    for (const query of [{ group_by: 'model, tag' }, { group_by: ['model', 'tag'] }, { 'group_by[]': ['model', 'tag'] }]) expect(asked(query).groupBy).toEqual(['model', 'tag']);
    expect(asked({ 'project_ids[]': project }).projects).toEqual([project]);
    expect(asked({})).toMatchObject({ fromMs: 1_000, toMs: 5_000_000, width: '1d', groupBy: [], projects: [], keys: [], models: [], tags: [], limit: 31 });
  });

  it('goes on where the page before ended', () => {
    expect(asked({ page: toUsagePage(usage).next_page! }).fromMs).toBe(usage.nextMs);
  });

  it.each([{ start_time: 'x' }, { start_time: '-1' }, { group_by: 'colour' }, { project_ids: 'p' }, { tags: 'a\u0000' }, { limit: '181' }, { page: 'p' }, { bucket_width: '1m' }, { start_time: '9'.repeat(20) }])('refuses %p', (query) => {
    expect(usageQuery.safeParse({ start_time: '1', ...query }).success).toBe(false);
  });
});

describe('answers about usage and costs', () => {
  it("have the shape of OpenAI's organisation API, empty buckets included", () => {
    expect(usagePage.encode(toUsagePage(usage))).toEqual({
      object: 'page',
      data: [
        { object: 'bucket', start_time: 0, end_time: 86_400, results: [{ object: 'organization.usage.result', input_tokens: 30, output_tokens: 4, input_cached_tokens: 0, num_model_requests: 2, project_id: project, api_key_id: null, model: 'm', tag: null }] },
        { object: 'bucket', start_time: 86_400, end_time: 172_800, results: [] },
      ],
      has_more: true,
      next_page: '172800000',
    });
    expect(toUsagePage({ ...usage, nextMs: null })).toMatchObject({ has_more: false, next_page: null });
    const cached = { ...sum, meters: { cached_tokens: 20, images: 3 } };
    expect(toUsagePage({ ...usage, buckets: [{ ...usage.buckets[0]!, sums: [cached] }] }).data[0]!.results[0]).toMatchObject({ input_tokens: 30, input_cached_tokens: 20, meters: cached.meters });
  });

  it('say amounts exactly beside the number that OpenAI has', () => {
    expect(costPage.encode(toCostPage(usage)).data[0]!.results).toEqual([
      { object: 'organization.costs.result', amount: { value: 9_007_199.254740993, currency: 'usd', nanos: '9007199254740993' }, line_item: 'm', project_id: project, api_key_id: null, tag: null },
    ]);
  });
});
