export const a = 1;
export interface B { x: number }
