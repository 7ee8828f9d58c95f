import { TestEnvironment } from 'jest-environment-node';

/** Node's environment, which also tells the suites of together.mjs where in the tree of blocks they are. */
export default class TogetherEnvironment extends TestEnvironment {
  handleTestEvent(event, state) {
    if (event.name === 'setup') this.global.circus = state;
  }
}
