/** The floor: a reverse proxy that does nothing, on undici. Everything that the gateway takes beyond it is the gateway's own. */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const upstream = new Pool(process.env['UPSTREAM']!, { connections: 256, pipelining: 1 });
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host']);

createServer((request, response) => {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !hopByHop.has(name)));
  upstream
    .stream({ path: request.url!, method: request.method as 'POST', headers, body: request.method === 'GET' ? null : request }, ({ statusCode, headers: answered }) => {
      for (const name of hopByHop) delete answered[name];
      return response.writeHead(statusCode, answered as Record<string, string>);
    })
    .catch(() => response.destroy());
}).listen(Number(process.env['PORT']), '127.0.0.1');
