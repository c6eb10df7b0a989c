/** One line of an output or error file: what was answered to a request, whatever its status. */
export function lineAnswer(record: string, customId: string, status: number, body: Buffer): Buffer {
  const head = JSON.stringify({ id: `batch_req_${record.replaceAll('-', '')}`, custom_id: customId }).slice(0, -1);
  return Buffer.concat([Buffer.from(`${head},"response":{"status_code":${status},"request_id":"${record}","body":`), asJson(body), Buffer.from('},"error":null}')]);
}

/** JSON without line ends as it is; other JSON on one line; anything else as a JSON text. */
function asJson(body: Buffer): Buffer {
  const text = body.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return /[\r\n]/.test(text) ? Buffer.from(JSON.stringify(value)) : body;
  } catch {
    return Buffer.from(JSON.stringify(text));
  }
}
