import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { csvCell } from './csv-cell.js';
import { csvHeader, csvLine } from './csv-line.js';
import { ExportFile } from './export-file.js';
import type { ExportedEntry } from './exports.js';
import { ocsfEvent } from './ocsf-event.js';

const uuidOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const entry = (type: ExportedEntry['type'], fields: ExportedEntry['fields'], over: Partial<ExportedEntry> = {}): ExportedEntry => ({ index: 7, previous: 3, id: uuidOf(1), type, timeMs: Date.UTC(2026, 10, 26), tenant: uuidOf(2), envelope: 'e30=', fields, ...over });
const refused = entry('refused', { principal: { keyId: uuidOf(3), role: 'developer' }, decision: 'deny', model: 'm', endpoint: 'embeddings', policies: [{ id: 'eu-only', reason: null }], findings: [], refusal: { code: 'POLICY_DENIED', message: 'no' } });

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
    expect(['=1+1', '+1', '-1', '@x', '\tx', '\rx', ' =1'].map(csvCell).every((cell) => cell.replace(/^"/, '').startsWith("'"))).toBe(true);
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
    expect(ocsfEvent(entry('epoch.settled', null))).toMatchObject({ class_uid: 6003, type_uid: 600399, unmapped: { previous: 3, fields: null } });
  });
});
