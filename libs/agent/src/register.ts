// `node --require @isthmus/agent/register app.js`
import { register } from './process-agent.ts';

register();
