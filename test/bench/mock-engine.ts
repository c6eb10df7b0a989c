/** A plain OpenAI-compatible engine that answers at once: what the bare proxy and the peer forward to. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { streamedAnswer, wholeAnswer } from './answers.js';

const isStream = Buffer.from('"stream":true');

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    if (!Buffer.concat(parts).includes(isStream)) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': wholeAnswer.length }).end(wholeAnswer);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    void (async () => {
      for await (const part of streamedAnswer()) if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      response.end();
    })();
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
