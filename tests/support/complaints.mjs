// What is wrong with a value, by a schema, in words that name the place. The descriptions of the
// live events and of the routes are both held against what is really said with this.

/** A moment as the workers write it, for `format: date-time`. */
export const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

const DETAILS = {
  additionalProperties: ({ additionalProperty }) => `: ${additionalProperty}`,
  const: ({ allowedValue }) => `: ${allowedValue}`,
  enum: ({ allowedValues }) => `: ${allowedValues.join(', ')}`,
  'false schema': () => ', because it must not be there',
};

/** What a compiled schema has against a value, as a list of sentences. */
export function complaints(validate, value) {
  if (validate(value)) return [];
  // A condition that is not met only repeats what its parts say.
  return validate.errors.filter(({ keyword }) => keyword !== 'if').map(({ instancePath, keyword, message, params }) =>
    `${instancePath || 'it'} ${message}${DETAILS[keyword]?.(params) ?? ''}`);
}
