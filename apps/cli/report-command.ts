import { readFileSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { apiCommand } from './admin/api-command.js';
import { verifyReport } from './report/verify-report.js';
import { keyHistoryOption, KnownKeys } from './verify/known-keys.js';

/** Error: a history without the key that it leads from. */
function knownIn(logKey: string | undefined, history: string | undefined): KnownKeys | undefined {
  if (logKey === undefined && history !== undefined) throw new Error('--key-history takes --log-key as well');
  return logKey === undefined ? undefined : KnownKeys.given(logKey, history);
}

/** `mizan audit report MONTH`: fetches a month's report and checks its signature. */
export const reportCommand = (): Command =>
  apiCommand('report <month>', 'the signed report of a month (2026-01): what ran where, under which law, refusals, overrides, approvals, payments', async ({ api, orgOrNone }, [month], { out, pdf, logKey, supplement, supplements }) => {
    if (supplements !== undefined) return api.ask('GET', `/audit/reports/${month}/supplements`, { query: { tenant: orgOrNone } });
    const [path, name] = supplement === undefined ? [month, month] : [`${month}/supplements/${supplement}`, `${month}-supplement-${supplement}`];
    if (pdf !== undefined) {
      const bytes = await api.bytes(`/audit/reports/${path}/pdf`, { tenant: orgOrNone });
      writeFileSync(pdf, bytes);
      return { file: pdf, bytes: bytes.length };
    }
    const text = await api.text(`/audit/reports/${path}`, { tenant: orgOrNone });
    const { sha256, keyPinned } = verifyReport(text, knownIn(logKey, undefined));
    const file = out ?? `audit-${name}.json`;
    writeFileSync(file, text);
    return { file, sha256, signed: true, keyPinned };
  })
    .option('--supplements', 'list what came into the log after the report was made, in numbered supplements')
    .option('--supplement <number>', 'fetch one of them instead')
    .option('--out <file>', 'where to write it')
    .option('--pdf <file>', 'write it for people instead')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY'));

/** `mizan audit report-verify FILE`: no network. */
export const verifyReportCommand = (): Command =>
  new Command('report-verify')
    .description('check the signature of a monthly report offline; exit code 1 when it does not hold, 3 when a key signed it that the log gave up since')
    .argument('<file>')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY'))
    .addOption(keyHistoryOption())
    .action((file: string, { logKey, keyHistory }: { logKey?: string; keyHistory?: string }) => {
      try {
        const { organisation, month, sha256, keyPinned, doubt } = verifyReport(readFileSync(file, 'utf8'), knownIn(logKey, keyHistory));
        console.log(`${doubt === undefined ? 'holds  ' : 'UNKNOWN'} report of ${month} for organisation ${organisation}, SHA-256 ${sha256}${keyPinned ? '' : '\n(the key is the one in the file: compare it with the one you know, or give it by --log-key)'}${doubt === undefined ? '' : `: ${doubt}`}`);
        if (doubt !== undefined) process.exitCode = 3;
      } catch (error) {
        console.log(`BROKEN  ${(error as Error).message}`);
        process.exitCode = 1;
      }
    });
