declare const brand: unique symbol;

/** A string that only its parser makes, so that a host is never passed where a source id is meant. */
export type Brand<Name extends string> = string & { readonly [brand]: Name };
