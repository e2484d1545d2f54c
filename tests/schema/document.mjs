// openapi.json for one run: the operations that somebody may call, and beside what a field or a
// parameter may be, the ids that this shop has. Nothing else is different, so what is made up from
// it is good or bad as it is by the real document.
import { readFileSync } from 'node:fs';
import { at } from '../../tools/paths.mjs';

function follow(document, it) {
  if (typeof it?.$ref !== 'string') return it;
  return it.$ref.split('/').slice(1).reduce((inner, key) => inner[key], document);
}

/** A schema beside which known values stand. */
function withKnown(schema, values) {
  const { description, examples, ...rest } = schema;
  return { anyOf: [{ enum: values }, rest], examples: values.slice(0, 1), ...(description && { description }) };
}

const isText = ({ type }) => [type].flat().includes('string');

/** The same in all fields of a schema, by their names. */
function fieldsWithKnown(schema, known) {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map((each) => fieldsWithKnown(each, known));
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => {
    if (key !== 'properties') return [key, fieldsWithKnown(value, known)];
    const fields = Object.entries(value).map(([name, field]) =>
      [name, known[name] && isText(field) ? withKnown(field, known[name]) : fieldsWithKnown(field, known)]);
    return [key, Object.fromEntries(fields)];
  }));
}

/**
 * The document of a run: `wanted(operation)` says which operations are in it, `ids` are the known
 * values by name of the field or parameter, and `spare` those that may be deleted.
 */
export function documentFor({ ids, spare, wanted }) {
  const document = JSON.parse(readFileSync(at('openapi.json'), 'utf8'));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!wanted(operation)) {
        delete methods[method];
        continue;
      }
      const known = method === 'delete' ? { ...ids, ...spare } : ids;
      for (const parameter of operation.parameters ?? []) {
        if (known[parameter.name]) parameter.schema = withKnown(parameter.schema, known[parameter.name]);
      }
      const body = operation.requestBody?.content['application/json'];
      if (body) body.schema = fieldsWithKnown(follow(document, body.schema), known);
    }
    if (Object.keys(methods).length === 0) delete document.paths[path];
  }
  return document;
}
