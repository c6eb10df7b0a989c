import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#kernel';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { ProjectScope } from '../access/project-scope.js';
import { tenant as bank, uuidOf } from '../examples.js';
import { Persons } from '../request/persons.js';
import { PlannedResponses } from './planned-responses.js';
import { responseRequest } from './response-request.js';
import type { StoredResponse, StoredResponses } from './stored-responses.js';

const entry = { ...bank, personSalt: Buffer.alloc(32, 7).toString('base64') };
const project = entry.projects[0]!.id;
const principal: Principal = { keyId: uuidOf(4), tenant: entry.tenant, project, role: 'developer' };
const persons = new Persons('a pepper of these tests', () => Promise.reject(new Error('no key is asked for')), new SystemClock());
const pseudonymOf = (subject: string): string => persons.pseudonym(entry, subject);

/** What is stored of a request that goes on from a response about these persons, and declares this subject. */
async function storedFrom(before: readonly string[] | undefined, subject?: string): Promise<StoredResponse> {
  const saved: StoredResponse[] = [];
  const stored = {
    secondsOf: () => 60,
    get: () => Promise.resolve({ v: 1, response: { output: [] }, input: [], dataClass: 'internal', persons: before }),
    save: (_owner: object, _id: string, _seconds: number, response: StoredResponse) => (saved.push(response), Promise.resolve()),
  } as unknown as StoredResponses;
  const replicated = { tenants: { get: () => entry } } as never;
  const planned = new PlannedResponses(stored, new ProjectScope(replicated, persons), replicated);
  const request = { id: uuidOf(9), headers: subject === undefined ? {} : { 'x-mizan-subject': subject } } as unknown as AuthenticatedRequest;
  const { keeper } = await planned.plan(principal, request, responseRequest.parse({ model: 'm', input: 'a', ...(before && { previous_response_id: 'resp_1' }) }));
  await keeper.keep({ body: Buffer.from('{"output":[]}'), usage: undefined });
  return saved[0]!;
}

describe('a response that is stored', () => {
  it('is about whom its request declares, by pseudonym alone', async () => {
    expect((await storedFrom(undefined, 'customer 4711')).persons).toEqual([pseudonymOf('customer 4711')]);
    expect((await storedFrom(undefined)).persons).toEqual([]);
    expect(JSON.stringify(await storedFrom(undefined, 'customer 4711'))).not.toContain('4711');
  });

  it('is about everybody whom the response that it goes on from is about, whatever it declares itself', async () => {
    const known = [pseudonymOf('a'), pseudonymOf('b')];
    expect((await storedFrom(known)).persons).toEqual(known);
    expect((await storedFrom(known, 'c')).persons).toEqual([...known, pseudonymOf('c')]);
    expect((await storedFrom(known, 'b')).persons).toEqual(known);
  });
});
