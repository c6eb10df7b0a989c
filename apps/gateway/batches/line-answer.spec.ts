import { describe, expect, it } from '@jest/globals';
import { lineAnswer } from './line-answer.js';

const record = '00000000-0000-7000-8000-00000000000a';

describe('a line of an output file', () => {
  it.each<[string, string, unknown]>([
    ['JSON', '{"a":[1,2]}', { a: [1, 2] }],
    ['JSON over several lines', '{\r\n  "a": "x\\ny"\n}', { a: 'x\ny' }],
    ['text', 'not\njson', 'not\njson'],
    ['nothing', '', ''],
  ])('is one line of JSON around %s', (_name, body, expected) => {
    const line = lineAnswer(record, 'my "id"', 200, Buffer.from(body)).toString();
    expect(line).not.toMatch(/[\r\n]/);
    expect(JSON.parse(line)).toEqual({ id: `batch_req_${record.replaceAll('-', '')}`, custom_id: 'my "id"', response: { status_code: 200, request_id: record, body: expected }, error: null });
  });
});
