// The other process of bench/feed.mjs: writes at a steady rate and says when each write was acknowledged.
import ours from './contenders/ours.mjs';
import { counter } from './documents.mjs';

/** The monotonic clock of the machine: one for both processes, which `performance.timeOrigin` is not. */
const systemMs = () => Number(process.hrtime.bigint()) / 1e6;

process.once('message', async ({ place, ids, perSecond, seconds }) => {
  const open = await ours.open(place);
  const acknowledged = [];
  const write = async (document) => {
    const answer = await open.storage.findOneAndUpdate(open.toId(ids[document]), (draft) => void (draft[counter] += 1), 'writer');
    if (!answer.diff.hasChanges) throw new Error('a write changed nothing');
    acknowledged.push([document, answer.diff.version, systemMs()]);
  };
  const began = performance.now();
  const pending = [];
  for (let made = 0; made < perSecond * seconds; made += 1) {
    const wait = began + (made * 1000) / perSecond - performance.now();
    if (wait > 0) await new Promise((resume) => setTimeout(resume, wait));
    pending.push(write(made % ids.length));
  }
  await Promise.all(pending);
  await open.close();
  process.send(acknowledged, () => process.exit(0));
});
process.send('ready');
