import { afterAll, beforeEach } from '@jest/globals';
import { ConformingHouse } from './conformance/conforming-house.js';
import { endOneStack, expectWhole } from './one-stack.js';
// To start the whole stack takes longer than most of what is done on it. In this order: invoices hold all that the bank has spent, and statements of payees
// begin at nothing; verify stops and starts the stack; files end with deaths; access revokes a machine; what is fuzzed may make machines dear; among
// the conformance cases a machine claims too much, which closes of the books name from then on; the proof ends the stack.
// One part alone: npm run -s jest -- test/e2e/one-stack -t invoices
import './trace.e2e.js';
import './invoices.e2e.js';
import './verify.e2e.js';
import './traffic.e2e.js';
import './files-and-batches.e2e.js';
import './access-and-input.e2e.js';
import './openai-client.e2e.js';
import './fuzz.e2e.js';
import './conformance/client.e2e.js';
import './conformance/streams.e2e.js';
import './conformance/money.e2e.js';
import './conformance/safety.e2e.js';
import './proof.e2e.js';

beforeEach(expectWhole);
afterAll(() => ConformingHouse.close());
afterAll(endOneStack);
