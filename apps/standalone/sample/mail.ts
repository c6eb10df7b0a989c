import { decodeBytes, readableText, splitMessage } from './mime.js';

/** What of a message is used: never its headers as such. */
export interface Mail {
  /** Decoded subject line, '' when there is none. */
  readonly subject: string;
  /** Readable text of the body, white space collapsed. */
  readonly body: string;
  /** Lower-case address of the author, `unknown` when the From line holds none. */
  readonly sender: string;
}

/**
 * Characters of subject and body that are sent: three quarters of the messages are shorter. The encoder looks at the
 * first hundred-odd tokens only, so accuracy is the same from 1,000 characters on; the rest is there to be scanned for
 * personal data, as it would be in earnest.
 */
export const textCharsMax = 4_000;

/** Parses a raw message of RFC 5322, mbox separator line or not. */
export function parseMail(raw: string): Mail {
  const { headers, body } = splitMessage(raw.replace(/^From [^\n]*\n/, ''));
  return {
    subject: collapse(decodeWords(headers.get('subject') ?? '')),
    body: collapse(readableText(headers, body)),
    sender: address(headers.get('from') ?? ''),
  };
}

/** The text that is classified: the subject and the beginning of the body. */
export function mailText(mail: Mail): string {
  return `${mail.subject}\n${mail.body}`.slice(0, textCharsMax).replace(/[\ud800-\udbff]$/, '').trim() || '(empty)';
}

function collapse(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** RFC 2047 encoded words, as far as mail uses them. */
function decodeWords(text: string): string {
  return text.replace(/=\?([^?\s]+)\?([bq])\?([^?]*)\?=/gi, (_whole, charset: string, kind: string, data: string) => {
    const bytes = kind.toLowerCase() === 'b' ? Buffer.from(data, 'base64') : quoted(data);
    return decodeBytes(bytes, charset);
  });
}

function quoted(data: string): Buffer {
  const latin = data.replaceAll('_', ' ').replace(/=([0-9A-Fa-f]{2})/g, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin, 'latin1');
}

function address(from: string): string {
  const found = /<\s*([^<>\s]+@[^<>\s]+?)\s*>/.exec(from)?.[1] ?? /[^\s<>()",]+@[^\s<>()",]+/.exec(from)?.[0];
  return found !== undefined && /^[\w.+%=~'-]{1,64}@[\w.-]{1,190}$/.test(found) ? found.toLowerCase() : 'unknown';
}
