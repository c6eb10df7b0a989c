import { failure } from '#protocol';

/** Names of this machine. */
export const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The enrolment endpoint of a hub. A token travels there: only https, or http on this machine. Error: REQUEST_INVALID. */
export function enrolmentUrl(hub: string): string {
  if (!URL.canParse(hub)) throw failure('REQUEST_INVALID', `--hub: "${hub}" is not a URL`);
  const url = new URL(hub);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.test(url.hostname))) {
    throw failure('REQUEST_INVALID', '--hub: the token would travel unprotected; use https (http only to this machine)');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}/v1/nodes/enrol`;
}
