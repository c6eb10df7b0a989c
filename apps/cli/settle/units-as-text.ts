/** Units are decimal text in JSON, as everywhere. */
export const unitsAsText = (result: object): object => Object.fromEntries(Object.entries(result).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : (value as unknown)]));
