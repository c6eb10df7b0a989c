/** Line and column, both from 1; columns count characters (code points), not bytes. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Position of a UTF-8 byte offset in a text. Cedar reports bytes. */
export function positionOfByte(text: string, byteOffset: number): Position {
  const before = Buffer.from(text, 'utf8').subarray(0, byteOffset).toString('utf8');
  return endOf(before);
}

/** Position of an index in UTF-16 code units. */
export function positionOfIndex(text: string, index: number): Position {
  return endOf(text.slice(0, index));
}

function endOf(before: string): Position {
  const lines = before.split('\n');
  return { line: lines.length, column: [...lines[lines.length - 1]!].length + 1 };
}
