// The types of 8 are those of 9 and 10 as far as they are used.
declare module 'opossum-9' {
  import CircuitBreaker from 'opossum';
  export default CircuitBreaker;
}

declare module 'opossum-10' {
  import CircuitBreaker from 'opossum';
  export default CircuitBreaker;
}
