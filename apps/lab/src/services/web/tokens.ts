/** Injection token of the target `orders`. */
export const ORDERS = Symbol('lab.web.orders');
