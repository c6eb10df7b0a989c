import type { Dispatcher } from 'undici';
import { isDomainError } from '#kernel';
import { boundedFetch, guardedAgent } from '#outbound';
import type { AllowList } from '#outbound';
import { failure } from '#protocol';
import { imageBytesMax, imageOfDataUrl, imageType, imageTypes } from './image-bytes.js';

/** Images of one request, and how long fetching them may take altogether. Four of 10 MiB are what a gateway holds for it at most. */
const imagesMax = 16;
const imagesBytesMax = 4 * imageBytesMax;
const fetchMs = 10_000;

interface ImagePart {
  readonly type: 'image_url';
  readonly image_url: { readonly url: string };
}

interface WithMessages {
  readonly messages: readonly { readonly content?: unknown }[];
}

/** A request whose images are in it, and what they are for the other steps. */
export interface Inlined<R> {
  readonly request: R;
  /** The same without the bytes of images: what there is to read in it. */
  readonly legible: R;
  readonly images: number;
}

/**
 * Gives machines images as bytes: URLs are fetched here, through the guard, so that no provider fetches anything for a user, and what was
 * asked is what was hashed. Nothing is fetched for who wrote `data:` URLs, or no images.
 */
export class ImageInliner {
  private readonly agent: Dispatcher;

  constructor(
    private readonly allowed: AllowList,
    agent?: Dispatcher,
  ) {
    this.agent = agent ?? guardedAgent(allowed);
  }

  /** Errors: REQUEST_INVALID, URL_REFUSED. */
  async inline<R extends WithMessages>(request: R, signal: AbortSignal): Promise<Inlined<R>> {
    const places = placesOf(request);
    if (places.length === 0) return { request, legible: request, images: 0 };
    const urls = new Map<ImagePart, string>();
    let bytes = 0;
    for (const { part, param } of places) {
      const image = await this.bytesOf(part.image_url.url, param, signal);
      if ((bytes += image.length) > imagesBytesMax) throw failure('REQUEST_INVALID', `the images have more than ${imagesBytesMax} bytes together`, { param });
      urls.set(part, `data:${imageType(image, param)};base64,${image.toString('base64')}`);
    }
    return { ...withoutFetching(request), request: withUrls(request, (part) => urls.get(part)!) };
  }

  private async bytesOf(url: string, param: string, signal: AbortSignal): Promise<Buffer> {
    if (isData(url)) return imageOfDataUrl(url, param);
    try {
      const { bytes } = await boundedFetch(url, this.allowed, this.agent, { bytesMax: imageBytesMax, timeoutMs: fetchMs, contentTypes: imageTypes, signal });
      return bytes;
    } catch (error) {
      throw isDomainError(error, 'URL_REFUSED') ? failure('URL_REFUSED', `${param}: ${error.message}`, { param }, error) : error;
    }
  }

  close(): Promise<void> {
    return this.agent.close();
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
