import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '#kernel';
import { csvCell } from './csv-cell.js';
import { csvHeader, csvLine } from './csv-line.js';
import { ExportFile } from './export-file.js';
import type { ExportedEntry } from './exports.js';
import { ocsfEvent } from './ocsf-event.js';
import { recordTypes } from './records.js';

const uuidOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const entry = (type: ExportedEntry['type'], fields: ExportedEntry['fields'], over: Partial<ExportedEntry> = {}): ExportedEntry => ({ index: 7, previous: 3, id: uuidOf(1), type, timeMs: Date.UTC(2026, 10, 26), tenant: uuidOf(2), envelope: 'e30=', fields, ...over });
const refused = entry('refused', { principal: { keyId: uuidOf(3), role: 'developer' }, decision: 'deny', model: 'm', endpoint: 'embeddings', policies: [{ id: 'eu-only', reason: null }], findings: [], refusal: { code: 'POLICY_DENIED', message: 'no' } });

/** By the schema's own words (schema.ocsf.io/1.3.0): attributes that a class or object requires, and those of which it requires one. */
const base = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];
const required: Record<number, { category: number; attributes: string[]; activities: number[] }> = {
  6003: { category: 6, attributes: ['actor', 'api', 'src_endpoint'], activities: [0, 1, 2, 3, 4, 99] },
  3004: { category: 3, attributes: ['entity'], activities: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99] },
  2006: { category: 2, attributes: ['finding_info'], activities: [0, 1, 2, 3, 99] },
};
const objects: Record<string, { all?: string[]; one?: string[] }> = {
  metadata: { all: ['product', 'version'] }, product: { all: ['vendor_name'], one: ['name', 'uid'] }, actor: { one: ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid'] }, user: { one: ['account', 'name', 'uid'] },
  api: { all: ['operation'] }, request: { all: ['uid'] }, src_endpoint: { one: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid', 'interface_uid', 'interface_name', 'domain'] }, entity: { one: ['name', 'uid'] }, finding_info: { all: ['title', 'uid'] },
};

function wrongIn(event: Json, at = ''): string[] {
  if (event === null || (Array.isArray(event) && event.length === 0) || event === '') return [`${at} is empty`];
  if (typeof event !== 'object' || Array.isArray(event)) return [];
  const of = event as Record<string, Json>;
  const lacks = (names: readonly string[]): string[] => names.filter((name) => of[name] === undefined).map((name) => `${at}.${name} is missing`);
  const wrong: string[] = [];
  if (at === '') {
    const known = required[of['class_uid'] as number];
    wrong.push(...lacks([...base, ...(known?.attributes ?? ['a class'])]));
    if (known && (of['category_uid'] !== known.category || !known.activities.includes(of['activity_id'] as number) || of['type_uid'] !== (of['class_uid'] as number) * 100 + (of['activity_id'] as number))) wrong.push('the numbers do not fit together');
    if (of['activity_id'] === 99 && typeof of['activity_name'] !== 'string') wrong.push('another activity has no name');
  } else {
    const { all = [], one } = objects[at.slice(at.lastIndexOf('.') + 1)] ?? {};
    wrong.push(...lacks(all), ...(one && !one.some((name) => of[name] !== undefined) ? [`${at} has none of ${one.join(', ')}`] : []));
  }
  // What is beyond the schema is as it is.
  return [...wrong, ...Object.entries(of).flatMap(([name, value]) => (at === '' && name === 'unmapped' ? [] : wrongIn(value, `${at}.${name}`)))];
}

describe('an export file', () => {
  it('in JSON Lines says what it is of, each entry, and where the next one goes on, over which it puts a hash', () => {
    const file = new ExportFile('jsonl');
    const text = [file.head({ export: uuidOf(9), tenant: uuidOf(2), after: 3, limit: 10, until: 20, checkpoint: 'c', logKey: 'k' }), file.page([refused])].join('');
    const lines = `${text}${file.end(7)}`.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      { kind: 'export', export: uuidOf(9), tenant: uuidOf(2), after: 3, limit: 10, until: 20, checkpoint: 'c', logKey: 'k' },
      { kind: 'entry', ...refused },
      { kind: 'end', entries: 1, next: 7, sha256: createHash('sha256').update(text).digest('hex') },
    ]);
  });

  it('in CSV has a column for what people filter by, and everything else in one', () => {
    const [names, cells] = [csvHeader, csvLine(refused)].map((line) => line.trim().split(','));
    expect(Object.fromEntries(names!.slice(0, -1).map((name, at) => [name, cells![at]]))).toMatchObject({ index: '7', previous: '3', type: 'refused', time: '2026-11-26T00:00:00.000Z', key: uuidOf(3), decision: 'deny', policies: 'eu-only', model: 'm' });
    expect(csvLine(entry('refused', null)).endsWith(',\r\n')).toBe(true);
  });

  it('never lets a spreadsheet take text for a formula, and keeps every cell one cell', () => {
    expect(['=1+1', '+1', '-1', '@x', '\tx', '\rx', ' =1', '\uff1d1', '\uff0b1', '\uff0d1', '\uff20x'].map(csvCell).every((cell) => cell.replace(/^"/, '').startsWith("'"))).toBe(true);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const cell = csvCell(text);
        const read = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
        expect(read.replace(/^'/, '')).toBe(text.replace(/^'/, ''));
        expect(cell.startsWith('"') || !/[",\r\n]/.test(cell)).toBe(true);
        expect(/^[=+\-@\t\r]/.test(read)).toBe(false);
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('in OCSF has decisions as API Activity, changes as Entity Management, and data found in a refused request as a finding', () => {
    expect(ocsfEvent(refused)).toMatchObject({ class_uid: 6003, category_uid: 6, type_uid: 600301, activity_id: 1, status_id: 2, status_code: 'POLICY_DENIED', severity_id: 3, time: Date.UTC(2026, 10, 26), metadata: { version: '1.3.0', sequence: 7, event_code: 'refused' }, actor: { user: { uid: uuidOf(3) } } });
    expect(ocsfEvent(entry('key.revoked', { actor: { keyId: uuidOf(4) } }))).toMatchObject({ class_uid: 3004, type_uid: 300404, status_id: 1, actor: { user: { uid: uuidOf(4) } }, entity: { type: 'key' } });
    expect(ocsfEvent(entry('refused', { ...refused.fields!, findings: [{ kind: 'email', count: 1 }] }))).toMatchObject({ class_uid: 2006, type_uid: 200601, finding_info: { types: ['email'] } });
    expect(ocsfEvent(entry('epoch.settled', null))).toMatchObject({ class_uid: 6003, type_uid: 600399, activity_name: 'epoch.settled', unmapped: { previous: 3, fields: null } });
    // Of a finding, a status says how far its handling is: 2 would be "in progress".
    expect(ocsfEvent(entry('refused', { ...refused.fields!, findings: [{ kind: 'email', count: 1 }] }))).toMatchObject({ status_id: 1 });
  });

  it('in OCSF has, of every type of entry, open or not, of an organisation or of none, what version 1.3.0 asks of its class and nothing that is empty', () => {
    const bodies: ExportedEntry['fields'][] = [null, {}, refused.fields, { ...refused.fields!, findings: [{ kind: 'email', count: 1 }] }, { actor: { keyId: null, tenant: null } }, { actor: { keyId: uuidOf(4), role: 'auditor' } }];
    for (const type of recordTypes) for (const fields of bodies) for (const tenant of [uuidOf(2), null]) expect([type, wrongIn(JSON.parse(JSON.stringify(ocsfEvent(entry(type, fields, { tenant })))) as Json)]).toEqual([type, []]);
    expect(wrongIn({ class_uid: 6003, actor: { user: { uid: null } } })).toContain('.actor.user.uid is empty');
  });
});
