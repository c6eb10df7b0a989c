import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { Open } from '../access/authorise.js';
import { Replies } from '../http/replies.js';
import type { OpenApiDocument } from './document.js';

/** Injection token of the document. */
export const OPENAPI_DOCUMENT = Symbol('OPENAPI_DOCUMENT');

@Controller('openapi.json')
export class OpenApiController {
  constructor(@Inject(OPENAPI_DOCUMENT) private readonly document: OpenApiDocument) {}

  @Get()
  @Open()
  @Replies('This document', z.looseObject({ openapi: z.string() }))
  get(): OpenApiDocument {
    return this.document;
  }
}
