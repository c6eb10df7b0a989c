import type { Dispatcher } from 'undici';
import { isDomainError } from '#kernel';
import { boundedFetch, guardedAgent, outboundTarget } from '#outbound';
import type { AllowList } from '#outbound';
import { failure } from '#protocol';
import { FetchSlots } from './fetch-slots.js';
import { imageBytesMax, imageOfDataUrl, imageType, imageTypes } from './image-bytes.js';

/** Images of one request, and how long fetching them may take altogether. Four of 10 MiB are what a gateway holds for it at most. */
const imagesMax = 16;
const imagesBytesMax = 4 * imageBytesMax;
const fetchMs = 10_000;
/** Requests that fetch at once: 8 × 40 MiB is what that takes a gateway at most; and those that wait, which hold their text alone. */
const fetchesMax = 8;
const fetchesPerTenantMax = 4;
const fetchesWaitingMax = 256;

interface ImagePart {
  readonly type: 'image_url';
  readonly image_url: { readonly url: string };
}

interface WithMessages {
  readonly messages: readonly { readonly content?: unknown }[];
}

/** A request as the steps before its machine need it. */
export interface Inlined<R> {
  readonly request: R;
  /** The same without the bytes of images: what there is to read in it. */
  readonly legible: R;
  readonly images: number;
  /** Set where something has to be fetched before a machine can be asked. */
  readonly complete?: Completing | undefined;
}

/** Gives a body with what its URLs lead to in their place. Errors: REQUEST_INVALID, URL_REFUSED, NO_CAPACITY, the signal's reason. */
export type Completing = (body: Buffer, tenant: string, signal: AbortSignal) => Promise<Buffer>;

/**
 * Gives machines images as bytes: URLs are fetched here, through the guard, so that no provider fetches anything for a user, and what was
 * asked is what was hashed. Nothing is fetched before a request is permitted and its money is held, and never for who wrote `data:` URLs.
 */
export class ImageInliner {
  private readonly agent: Dispatcher;
  private readonly slots = new FetchSlots(fetchesMax, fetchesPerTenantMax, fetchesWaitingMax);

  constructor(
    private readonly allowed: AllowList,
    agent?: Dispatcher,
  ) {
    this.agent = agent ?? guardedAgent(allowed);
  }

  /** Fetches nothing: that is left to `complete`. Errors: REQUEST_INVALID, URL_REFUSED for what could never be fetched. */
  inline<R extends WithMessages>(request: R): Inlined<R> {
    const places = placesOf(request);
    if (places.length === 0) return { request, legible: request, images: 0 };
    const urls = new Map<ImagePart, string>();
    let bytes = 0;
    for (const { part, param } of places) {
      const { url } = part.image_url;
      if (!isData(url)) {
        refusedAs(param, () => outboundTarget(url, this.allowed));
        continue;
      }
      const image = imageOfDataUrl(url, param);
      bytes = together(bytes, image, param);
      urls.set(part, dataUrl(image, param));
    }
    const written = { ...withoutFetching(request), request: withUrls(request, (part) => urls.get(part) ?? part.image_url.url) };
    return urls.size === places.length ? written : { ...written, complete: this.completing(bytes) };
  }

  /** What was fetched for one model is not fetched again for the next. */
  private completing(bytesBefore: number): Completing {
    const fetched = new Map<string, string>();
    let bytes = bytesBefore;
    return (body, tenant, signal) =>
      this.slots.within(tenant, signal, async () => {
        const request = JSON.parse(body.toString('utf8')) as WithMessages;
        const untilMs = performance.now() + fetchMs;
        for (const { part, param } of placesOf(request)) {
          const { url } = part.image_url;
          if (isData(url) || fetched.has(url)) continue;
          const image = await this.fetched(url, param, untilMs - performance.now(), signal);
          bytes = together(bytes, image, param);
          fetched.set(url, dataUrl(image, param));
        }
        return Buffer.from(JSON.stringify(withUrls(request, ({ image_url: { url } }) => fetched.get(url) ?? url)));
      });
  }

  private async fetched(url: string, param: string, withinMs: number, signal: AbortSignal): Promise<Buffer> {
    try {
      const { bytes } = await boundedFetch(url, this.allowed, this.agent, { bytesMax: imageBytesMax, timeoutMs: Math.max(1, Math.floor(withinMs)), contentTypes: imageTypes, signal });
      return bytes;
    } catch (error) {
      signal.throwIfAborted();
      throw asParam(param, error);
    }
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}

const dataUrl = (image: Buffer, param: string): string => `data:${imageType(image, param)};base64,${image.toString('base64')}`;

/** Error: REQUEST_INVALID. */
function together(bytes: number, image: Buffer, param: string): number {
  if (bytes + image.length > imagesBytesMax) throw failure('REQUEST_INVALID', `the images have more than ${imagesBytesMax} bytes together`, { param });
  return bytes + image.length;
}

const asParam = (param: string, error: unknown): unknown => (isDomainError(error, 'URL_REFUSED') ? failure('URL_REFUSED', `${param}: ${error.message}`, { param }, error) : error);

function refusedAs(param: string, judge: () => unknown): void {
  try {
    judge();
  } catch (error) {
    throw asParam(param, error);
  }
}

/** A request as it was written: what there is to read in it, though no image is fetched. Error: REQUEST_INVALID. */
export function withoutFetching<R extends WithMessages>(request: R): Inlined<R> {
  return { request, legible: withUrls(request, ({ image_url: { url } }) => (isData(url) ? '' : url)), images: placesOf(request).length };
}

const isData = (url: string): boolean => /^data:/i.test(url);

const isImage = (part: unknown): part is ImagePart => (part as { type?: unknown } | null)?.type === 'image_url';

/** Error: REQUEST_INVALID. */
function placesOf({ messages }: WithMessages): { part: ImagePart; param: string }[] {
  const places = messages.flatMap(({ content }, at) =>
    Array.isArray(content) ? content.flatMap((part: unknown, inner) => (isImage(part) ? [{ part, param: `messages[${at}].content[${inner}].image_url.url` }] : [])) : [],
  );
  if (places.length > imagesMax) throw failure('REQUEST_INVALID', `a request has at most ${imagesMax} images`, { param: 'messages' });
  return places;
}

function withUrls<R extends WithMessages>(request: R, urlOf: (part: ImagePart) => string): R {
  const replaced = (part: unknown): unknown => (isImage(part) ? { ...part, image_url: { ...part.image_url, url: urlOf(part) } } : part);
  return { ...request, messages: request.messages.map((message) => (Array.isArray(message.content) ? { ...message, content: message.content.map(replaced) } : message)) };
}
