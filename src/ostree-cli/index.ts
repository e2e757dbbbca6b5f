/**
 * ostree-cli: the name `ostree`. Works on a repository or a sysroot directly, without the agent, with the options,
 * outputs and exit statuses that scripts know. What is not built yet is refused by name; an option that is not understood
 * is an error, never ignored. `runOstree` is given everything it may read and write, so that it can be called anywhere.
 */
export type { OstreeContext } from './context.ts';
export { runOstree } from './program.ts';
