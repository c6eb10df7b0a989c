import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** The one recursive shape: any JSON value. */
const sharedName = 'Json';

/** JSON Schemas of zod shapes as they are on the wire; recursive ones are shared as components. */
export class JsonShapes {
  private json: JsonSchema | undefined;

  of(shape: z.ZodType): JsonSchema {
    const { $schema: _dialect, $defs, ...schema } = z.toJSONSchema(shape, { io: 'input', target: 'draft-2020-12' }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    for (const definition of Object.values($defs ?? {})) {
      const shared = withComponentRefs(definition);
      if (this.json && !isDeepStrictEqual(this.json, shared)) throw new Error('a second recursive shape needs a component name of its own');
      this.json = shared;
    }
    return withComponentRefs(schema);
  }

  shared(): Record<string, JsonSchema> {
    return this.json ? { [sharedName]: this.json } : {};
  }
}

function withComponentRefs(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replace(/"#\/\$defs\/__schema\d+"/g, `"#/components/schemas/${sharedName}"`)) as JsonSchema;
}
