import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { z } from 'zod';
import { accessMetadata } from '../access/authorise.js';
import type { Access } from '../access/authorise.js';
import { formMetadata, replyMetadata, streamsMetadata } from '../http/replies.js';
import type { ReplyShape } from '../http/replies.js';

/** One endpoint as its decorators declare it: what is documented is what is enforced. */
export interface Route {
  readonly controller: string;
  readonly handler: string;
  readonly method: string;
  /** With `:name` parameters; the rest of a path, whatever its slashes, is `:path`. */
  readonly path: string;
  readonly access: Access | undefined;
  readonly reply: ReplyShape | undefined;
  /** Whether it may answer with server-sent events. */
  readonly streams: boolean;
  readonly body: z.ZodType | undefined;
  /** Of `multipart/form-data`. */
  readonly form: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly params: ReadonlyMap<string, z.ZodType>;
}

interface Argument {
  readonly data?: string;
  readonly schema?: z.ZodType;
}

/** Reads the routes of controllers from their metadata. */
export function routesOf(controllers: readonly Type[]): Route[] {
  return controllers.flatMap((controller) =>
    Object.getOwnPropertyNames(controller.prototype).flatMap((handler) => {
      const target = (controller.prototype as Record<string, unknown>)[handler] as object;
      const method = handler === 'constructor' ? undefined : (Reflect.getMetadata(METHOD_METADATA, target) as RequestMethod | undefined);
      return method === undefined ? [] : [routeOf(controller, handler, target, method)];
    }),
  );
}

function routeOf(controller: Type, handler: string, target: object, method: RequestMethod): Route {
  const args = Object.entries((Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ?? {}) as Record<string, Argument>);
  const of = (kind: RouteParamtypes): Argument[] => args.filter(([key]) => key.startsWith(`${kind}:`)).map(([, argument]) => argument);
  const parts = [Reflect.getMetadata(PATH_METADATA, controller) as string, Reflect.getMetadata(PATH_METADATA, target) as string];
  return {
    controller: controller.name,
    handler,
    method: RequestMethod[method].toLowerCase(),
    path: `/${parts.map((part) => part.replace(/^\/|\/$/g, '').replace(/\*$/, ':path')).filter((part) => part !== '').join('/')}`,
    access: Reflect.getMetadata(accessMetadata, target) as Access | undefined,
    reply: Reflect.getMetadata(replyMetadata, target) as ReplyShape | undefined,
    streams: Reflect.getMetadata(streamsMetadata, target) === true,
    body: of(RouteParamtypes.BODY)[0]?.schema,
    form: Reflect.getMetadata(formMetadata, target) as z.ZodType | undefined,
    query: of(RouteParamtypes.QUERY)[0]?.schema,
    params: new Map(of(RouteParamtypes.PARAM).flatMap(({ data, schema }) => (data && schema ? [[data === '*' ? 'path' : data, schema]] : []))),
  };
}
