/** A header block, unfolded: lower-case name → first value. */
export type Headers = ReadonlyMap<string, string>;

/** Splits a message or a MIME part at its first empty line. */
export function splitMessage(raw: string): { headers: Headers; body: string } {
  const text = raw.replaceAll('\r\n', '\n');
  const end = text.indexOf('\n\n');
  const block = end < 0 ? text : text.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of block.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const field = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line);
    const name = field?.[1]?.toLowerCase();
    if (name !== undefined && !headers.has(name)) headers.set(name, field?.[2]?.trim() ?? '');
  }
  return { headers, body: end < 0 ? '' : text.slice(end + 2) };
}

/** The readable text of a part: the plain alternative where there is one, HTML without its markup otherwise, '' for attachments. */
export function readableText(headers: Headers, body: string, depth = 0): string {
  const type = headers.get('content-type')?.toLowerCase() ?? 'text/plain';
  if (type.startsWith('multipart/') && depth < partDepthMax) {
    const boundary = /boundary="?([^";]+)"?/i.exec(headers.get('content-type') ?? '')?.[1];
    if (boundary !== undefined) return multipartText(body, boundary, depth);
  }
  if (!type.startsWith('text/')) return type.startsWith('multipart/') ? body : '';
  const text = decodeTransfer(body, headers.get('content-transfer-encoding') ?? '', /charset="?([^";\s]+)/i.exec(type)?.[1]);
  return type.startsWith('text/html') ? withoutMarkup(text) : text;
}

/** Nested multiparts deeper than this are taken as they are. */
const partDepthMax = 4;

function multipartText(body: string, boundary: string, depth: number): string {
  const parts = `\n${body}`
    .split(`\n--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith('--'))
    .map((part) => splitMessage(part.replace(/^[^\n]*\n/, '')));
  const plain = parts.find((part) => (part.headers.get('content-type') ?? 'text/plain').toLowerCase().startsWith('text/plain'));
  const texts = (plain ? [plain] : parts).map((part) => readableText(part.headers, part.body, depth + 1));
  return texts.find((text) => text.trim() !== '') ?? '';
}

function decodeTransfer(body: string, encoding: string, charset: string | undefined): string {
  switch (encoding.toLowerCase()) {
    case 'base64':
      return decodeBytes(Buffer.from(body, 'base64'), charset);
    case 'quoted-printable': {
      const joined = body.replace(/[ \t]*=\n/g, '');
      return joined.replace(/(?:=[0-9A-Fa-f]{2})+/g, (run) => decodeBytes(Buffer.from(run.replaceAll('=', ''), 'hex'), charset));
    }
    default:
      return body;
  }
}

/** Bytes in a named charset; in Western Latin when the name is unknown. */
export function decodeBytes(bytes: Uint8Array, charset = 'windows-1252'): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', copy: '©' };

function withoutMarkup(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<[^<>]{0,2000}>/g, ' ')
    .replace(/&(?:#(\d{1,6})|([a-z]+));/gi, (whole, code: string | undefined, name: string | undefined) =>
      code === undefined ? (entities[name?.toLowerCase() ?? ''] ?? whole) : String.fromCodePoint(Math.min(Number(code), 0x10ffff)),
    );
}
