/** Injection tokens of the services that orders calls. */
export const INVENTORY = Symbol('lab.orders.inventory');
export const PAYMENTS = Symbol('lab.orders.payments');
