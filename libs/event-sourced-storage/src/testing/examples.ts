import fc from 'fast-check';

/** The same examples in every run: what fails then was broken by what changed. With `PROOF_RANDOM`, as in `npm run proof`, new ones each time. */
if (!process.env['PROOF_RANDOM']) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 });

export default fc;
