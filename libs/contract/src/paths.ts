/** Every path of the control API starts with it. */
export const API_PREFIX = '/api/v1';

/** Where `isthmus` and the agents look for the bridge when nothing else is said. */
export const DEFAULT_CONTROL_URL = 'http://127.0.0.1:15080';
