// `npm start`: the lab.
import { isthmus } from './isthmus.mjs';
import { main } from './run.mjs';

main(() => isthmus(['lab', 'up', ...process.argv.slice(2)]));
